"""The arguments of a function that come from the columns of a sweep, and the kinds to which their values are cast."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from kubeque.model.errors import CommandError
from kubeque.model.function.call_function import AS_GIVEN, cast
from kubeque.model.rows.rows import INDEX, Rows, read_types
from kubeque.model.rows.value_types import NONE, TEXT

#: Annotations to which a value is cast.
KINDS = ("int", "float", "bool", "str", "list", "dict")
#: Kinds whose value depends only on its text.
_CAST = frozenset({"int", "float", "bool", "str"})
#: Annotations with which an argument gets the value unchanged.
_UNCAST = frozenset({"Any", "object"})
_OPTIONAL = re.compile(r"(?:typing\.)?Optional\[(.+)\]|(.+?) ?\| ?None|None ?\| ?(.+)")


def argument_kinds(function: Callable[..., Any], rows: Rows, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the kinds of the arguments that come from the rows, by name.

    A kind is one of KINDS (with `?` if the value may be None) or "given". `given`: the arguments that the call sets.
    Raises CommandError for an argument that no column and no call provides, or that both provide.
    """
    name, columns = function.__name__, rows.columns
    kinds = {}
    for argument in inspect.signature(function).parameters.values():
        if argument.kind not in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY):
            passing = argument.kind.description
            raise CommandError(
                f"{name} takes {argument.name!r} as {passing}: name each argument, so that it matches a column"
            )
        if argument.name in columns and argument.name in given:
            raise CommandError(
                f"{name} has {argument.name!r} in the call and as a column of its rows: remove one of them"
            )
        if argument.name in given:
            continue
        if argument.name in columns or argument.name == INDEX:
            kinds[argument.name] = _kind(name, argument)
        elif argument.default is argument.empty:
            there = f"the columns are {', '.join(columns)}" if columns else "the rows have no columns"
            raise CommandError(f"{name} takes {argument.name!r}: {there}; or pass it in the call")
    return kinds


def check_values(name: str, kinds: Mapping[str, str], rows: Rows) -> None:
    """Raise CommandError for the first value that does not fit the kind of its argument. O(rows)."""
    checked = [(at, column, kinds[column]) for at, column in enumerate(rows.columns) if _is_cast(kinds.get(column))]
    if not checked:
        return
    spec = rows.to_spec() if rows.types else None
    for index, row in enumerate(rows):
        types = read_types(spec, index) if spec else {}
        for at, column, kind in checked:
            letter = types.get(column, TEXT)
            try:
                cast(row[at], kind, letter)
            except (ValueError, KeyError):
                value = "None" if letter == NONE else repr(row[at][:60])
                raise CommandError(
                    f"row {index}: {name} takes {column!r} as {kind.rstrip('?')}, and {value} is not: change the value"
                    " or the annotation"
                ) from None


def columns_as_given(kinds: Mapping[str, str]) -> tuple[str, ...]:
    """Return the columns whose values the function gets with their original Python types."""
    return tuple(sorted(name for name, kind in kinds.items() if name != INDEX and kind not in _CAST))


def _is_cast(kind: str | None) -> bool:
    return kind is not None and kind != AS_GIVEN


def _kind(name: str, argument: inspect.Parameter) -> str:
    annotation = argument.annotation
    if annotation is argument.empty:
        return "str" if argument.name == INDEX else AS_GIVEN
    plain = isinstance(annotation, type) and not hasattr(annotation, "__args__")
    text = annotation.__name__ if plain else str(annotation)
    optional = _OPTIONAL.fullmatch(text)
    inner = next(filter(None, optional.groups())) if optional else text
    inner = inner.partition("[")[0].rpartition(".")[2]  # list[int] is checked as a list
    if inner in KINDS:
        return inner + "?" * bool(optional)
    if inner in _UNCAST:
        return AS_GIVEN
    raise CommandError(
        f"{name} takes {argument.name!r} as {text}: a column is int, float, bool, str, list or dict, or Optional of one"
    )
