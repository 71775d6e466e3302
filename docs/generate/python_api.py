"""Generate docs/python.md: the public names of the package `kubeque`, from signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any

import kubeque
from kubeque.model.sweep.options import OPTIONS
from kubeque.model.sweep.sweep import Sweep

_HEAD = [
    "# Python", "",
    "<!-- Made by `make docs` from the docstrings of kubeque: change those. -->", "",
    "The public names of the package `kubeque`. [From a notebook or a script](howto/notebooks.md) shows how they work",
    "together. All other modules are internal and change without notice.", "",
]  # fmt: skip
#: Length of the longest signature on one line, characters.
_WIDTH = 110


def python_page() -> str:
    """Return docs/python.md."""
    lines = list(_HEAD)
    for name in kubeque.__all__:
        lines += _describe(f"kubeque.{name}", getattr(kubeque, name), "##")
        if name == "Sweep":
            lines += _fields(kubeque.Sweep)
        if name == "Client":
            for method, function in public_methods(kubeque.Client):
                lines += _describe(f"Client.{method}", function, "###")
    return "\n".join(lines).rstrip() + "\n"


def _fields(sweep: type[Sweep]) -> Iterator[str]:
    """Yield the table of the options that are fields of a sweep."""
    yield from ["| field | type | default | |", "|---|---|---|---|"]
    texts = {option.name: option.text for option in OPTIONS}
    for each in fields(sweep):
        if each.name in texts:
            default = f"`{each.default!r}`" if each.default is not MISSING else ""
            kind = str(each.type).replace("|", "\\|")
            yield f"| `{each.name}` | `{kind}` | {default} | {texts[each.name]} |"
    yield ""


def public_methods(cls: type[Any]) -> list[tuple[str, Callable[..., Any]]]:
    """Return the names and functions of the public methods of a class, in alphabetical order."""
    found = inspect.getmembers(cls, inspect.isfunction)
    return [(name, function) for name, function in found if not name.startswith("_")]


def _describe(name: str, thing: Any, level: str) -> Iterator[str]:
    line = f"class {name}({_parent(thing)})" if _is_error(thing) else _signature(name, thing)
    yield from [f"{level} {name}", "", "```python", line, "```", ""]
    for paragraph in inspect.cleandoc(thing.__doc__ or "").split("\n\n"):
        yield from [" ".join(paragraph.split()), ""]


def _is_error(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, Exception)


def _parent(error: type[Exception]) -> str:
    """Return the name with which a program can import the base class of an error."""
    base = error.__mro__[1].__name__
    return f"kubeque.{base}" if base in kubeque.__all__ else base


def _signature(name: str, thing: Any) -> str:
    """Return a signature without the parameter `self`. A long one has a line for each parameter."""
    signature = inspect.signature(thing)
    kept = [_plain(each) for key, each in signature.parameters.items() if key != "self"]
    line = f"{name}{inspect.Signature(kept, return_annotation=_Source(signature.return_annotation))}"
    if len(line) <= _WIDTH:
        return line
    parts = [f"    {text},\n" for text in _parameters(kept)]
    return f"{name}(\n{''.join(parts)}) -> {signature.return_annotation}"


def _parameters(parameters: Sequence[inspect.Parameter]) -> Iterator[str]:
    """Yield the source text of each parameter, and "*" before the first one that is given by its name."""
    names = False
    for each in parameters:
        if each.kind is inspect.Parameter.KEYWORD_ONLY and not names:
            yield "*"
        names = names or each.kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_POSITIONAL)
        yield str(each)


def _plain(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter whose annotation and default are shown as in the source."""
    default = parameter.default
    if isinstance(default, Enum):
        default = _Source(f"{type(default).__name__}.{default.name}")
    elif is_dataclass(default):
        default = _Source("...")
    return parameter.replace(annotation=_Source(parameter.annotation), default=default)


class _Source(str):
    """A text whose `repr` has no quotation marks."""

    def __repr__(self) -> str:
        return str(self)
