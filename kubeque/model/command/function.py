"""A Python function as a program: its source, and the script that calls it with a row's values."""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from kubeque.model.errors import CommandError

#: How a row's text becomes an argument.
KINDS = ("int", "float", "bool", "str")
#: What a function may return that goes with the table, in bytes; more is a file.
LARGEST_OUT = 16 * 1024
#: The file that holds what a function returned, where it is larger.
RETURN_FILE = "return.json"
#: Decorators that stay behind.
_LEFT_BEHIND = {"kubeque", "kubeque_task", "setup", "teardown", "skip_if", "run_if"}

# It has to run on the Pythons that images have, old ones too; annotations are not read: what they name may be missing
# there. All names are inside one function: the user's may be called anything.
_SCRIPT = """\
from __future__ import annotations

{source}


def kubeque_main(function):
    import json, os, sys

    bools = {{"true": True, "false": False}}
    casts = {{"int": int, "float": float, "str": str, "bool": lambda text: bools[text.lower()]}}

    def cast(name, text, kind):
        try:
            return casts[kind](text)
        except (ValueError, KeyError):
            sys.exit("{name}: the column %r is to be %s, which %r is not" % (name, kind, text))

    def plain(value):
        if type(value).__module__.split(".")[0] == "numpy":
            return value.tolist()
        sys.exit("{name} returned a %s: return what JSON can hold" % type(value).__name__)

    with open("row.json", encoding="utf-8") as file:
        row = json.load(file)
    arguments = json.loads({constants})
    for name, kind in json.loads({kinds}).items():
        arguments[name] = cast(name, row[name], kind)
    value = function(**arguments)
    if value is None:
        return
    whole = json.dumps(value, default=plain)
    value = json.loads(whole)
    out = value if isinstance(value, dict) else {{"value": value}}
    text = json.dumps({{k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in out.items()}})
    if len(text) > {largest}:
        with open({file!r}, "w", encoding="utf-8") as file:
            file.write(whole)
        text = json.dumps({{"return_file": {file!r}}})
    with open(os.environ["KUBEQUE_OUT"], "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    kubeque_main({name})
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A Python file that calls a function once."""

    #: Not the function's own: a `math.py` in the working directory would be what `import math` brings.
    name: str
    text: str


def script(
    function: Callable[..., Any], columns: Collection[str], constants: Mapping[str, Any] | None = None
) -> Script:
    """A script that calls `function` once: `constants` as they are, what is left from the columns of its row.

    Values of a row are cast by the annotations. Raises CommandError for a function that cannot be sent or called so.
    """
    given = dict(constants or {})
    kinds = _kinds(function, columns, given)
    try:
        given_text = json.dumps(given)
    except (TypeError, ValueError) as error:
        raise CommandError(f"{function.__name__} is called with something that JSON cannot hold: {error}") from error
    text = _SCRIPT.format(
        source=_source(function), name=function.__name__, constants=ascii(given_text), kinds=ascii(json.dumps(kinds)),
        largest=LARGEST_OUT, file=RETURN_FILE,
    )  # fmt: skip
    return Script(f"kubeque_{function.__name__}.py", text)


def _source(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", repr(function))
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError) as error:
        raise CommandError(f"the source of {name} cannot be had: define it with def in a file or a cell") from error
    # Not dedented: that would change texts that it holds.
    shift = "if True:\n" if source[:1].isspace() else ""
    try:
        top = ast.parse(shift + source).body[0]
    except SyntaxError:  # the rest of the line that a lambda stands in
        top = ast.Pass()
    node = top.body[0] if isinstance(top, ast.If) else top
    if not isinstance(node, ast.FunctionDef):
        raise CommandError(f"{name} is not a plain function: define it with def, not as lambda or async")
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if getattr(called, "attr", getattr(called, "id", "")) not in _LEFT_BEHIND:
            raise CommandError(
                f"{name} is decorated with @{ast.unparse(called)}, which is not sent with it: call it inside {name}"
            )
    _check_alone(function, node)
    lines = (shift + source).splitlines(keepends=True)
    return shift + "".join(lines[node.lineno - 1 :])


def _check_alone(function: Callable[..., Any], node: ast.FunctionDef) -> None:
    """Raises CommandError naming what a function uses of what stands outside of it."""
    code, defaults = function.__code__, [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    named = {at.id for default in defaults for at in ast.walk(default) if isinstance(at, ast.Name)}
    used = [*code.co_freevars, *sorted(_globals_of(code) | named)]
    for name in used:
        inside = name == function.__name__ or name in ("__name__", "__file__") or hasattr(builtins, name)
        if not inside:
            raise CommandError(
                f"{function.__name__} uses {name!r}, which stands outside of it and is not sent: "
                "import or define it inside, or make it an argument"
            )


def _globals_of(code: CodeType) -> set[str]:
    found = {at.argval for at in dis.get_instructions(code) if at.opname == "LOAD_GLOBAL"}
    stored = {at.argval for at in dis.get_instructions(code) if at.opname == "STORE_GLOBAL"}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= _globals_of(inner)
    return found - stored


def _kinds(function: Callable[..., Any], columns: Collection[str], given: Mapping[str, Any]) -> dict[str, str]:
    name = function.__name__
    kinds = {}
    for argument in inspect.signature(function).parameters.values():
        if argument.kind not in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY):
            how = argument.kind.description
            raise CommandError(
                f"{name} takes {argument.name!r} as {how}: name each argument, so that it finds a column"
            )
        if argument.name in columns and argument.name in given:
            raise CommandError(
                f"{name} is given {argument.name!r} by the call, and by a column of its rows: leave it out of one"
            )
        if argument.name in given:
            continue
        if argument.name in columns or argument.name == "index":
            kinds[argument.name] = _kind(name, argument)
        elif argument.default is argument.empty:
            there = f"the columns are {', '.join(columns)}" if columns else "the rows have no columns"
            raise CommandError(f"{name} takes {argument.name!r}: {there}; or give it in the call")
    return kinds


def _kind(name: str, argument: inspect.Parameter) -> str:
    annotation = argument.annotation
    if annotation is argument.empty:
        return "str"
    named = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", repr(annotation))
    if named not in KINDS:
        raise CommandError(f"{name} takes {argument.name!r} as {named}: a column is int, float, bool or str")
    return named
