"""Finds uses of names with a leading underscore outside the module that defines them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set


def find_foreign_private_names(source: str, module: str, modules: Set[str]) -> Iterator[str]:
    """Yield `line: name` for each private name that the module `module` takes from another one of `modules`.

    Three forms count: `from a import _b`, `import a._b`, and `a._b` where `a` is an imported module.
    """
    tree = ast.parse(source)
    aliases: dict[str, str] = {}
    for line, alias, name in _list_imports(tree):
        aliases[alias] = name
        if _is_foreign(name, module, modules) and any(map(_is_private, name.split("."))):
            yield f"{line}: {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            owner = ast.unparse(node.value)
            if aliases.get(owner, "") in modules:
                yield f"{node.lineno}: {owner}.{node.attr}"


def _list_imports(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Yield line, name in the module, and full name of everything that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.asname or name.name, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, name.asname or name.name, f"{node.module}.{name.name}") for name in node.names)


def _is_foreign(name: str, module: str, modules: Set[str]) -> bool:
    return not name.startswith(f"{module}.") and any(f"{name}.".startswith(f"{other}.") for other in modules)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))
