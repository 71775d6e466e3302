"""The arguments that a function gets from the columns of a sweep, and the types to which their values are converted."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from kubeque.model.errors import CommandError, ParametersError
from kubeque.model.function.call_function import AS_GIVEN, cast
from kubeque.model.rows.rows import INDEX, Rows, read_types
from kubeque.model.rows.typed_text import to_typed_text, type_of
from kubeque.model.rows.value_types import NAN, NONE, TEXT
from kubeque.model.suggestions import suggest_column
from kubeque.model.text import describe

#: Types in annotations to which a value is converted.
KINDS = ("int", "float", "bool", "str", "list", "dict")
#: Kinds for which the text of a value is sufficient. For the other kinds, the type of the value is stored, too.
_CAST = frozenset({"int", "float", "bool", "str"})
#: Annotations of an argument that gets its value unchanged.
_UNCAST = frozenset({"Any", "object"})
#: The outer Optional or Union of an annotation, and the innermost arguments of a type, such as `[int]`.
_UNION = re.compile(r"(?:typing\.)?(Optional|Union)\[(.+)\]")
_BRACKETS = re.compile(r"(\w)\[[^\[\]]*\]")
_OPTIONAL = re.compile(r"(?:typing\.)?Optional\[(.+)\]|(.+?) ?\| ?None|None ?\| ?(.+)")


def argument_kinds(function: Callable[..., Any], rows: Rows, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the kind of each argument that gets its value from the rows, keyed by the name of the argument.

    A kind is one of KINDS (with `?` if the value may be None) or "given". `given`: arguments that the call itself sets.
    Raises CommandError for an argument that neither a column nor the call provides, or that both provide.
    """
    name, columns = function.__name__, rows.columns
    kinds = {}
    for argument in inspect.signature(function).parameters.values():
        if argument.kind not in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY):
            passing = argument.kind.description
            raise CommandError(
                f"{name} takes {argument.name!r} as {passing}: give each argument a name, so that it matches a column"
            )
        if argument.name in columns and argument.name in given:
            raise CommandError(
                f"the argument {argument.name!r} of {name} is in the call and is also a column: remove one of them"
            )
        if argument.name in given:
            continue
        if argument.name in columns or argument.name == INDEX:
            kinds[argument.name] = _kind(name, argument)
        elif argument.default is argument.empty:
            there = f"the columns are {', '.join(columns)}" if columns else "the rows have no columns"
            near = suggest_column(argument.name, columns)
            raise CommandError(
                f"{name} takes {argument.name!r}, which is not a column: {there}{near}; add the column, or pass"
                f" {argument.name!r} in the call"
            )
    return kinds


def cast_arguments(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call, with texts converted to the types of their annotations.

    Values of other types are checked in the same way as the values of rows. Raises CommandError for a value that does
    not fit the annotation of its argument.
    """
    found = dict(given)
    for argument in inspect.signature(function).parameters.values():
        members = _members(argument.annotation)
        if argument.name not in given or not members or not members.isdisjoint(_UNCAST):
            continue
        value = given[argument.name]
        try:
            if value is None:
                fits = "None" in members or argument.default is None or members.isdisjoint(KINDS)
                found[argument.name] = value if fits else cast("", "none", NONE)
            else:
                found[argument.name] = _cast_text(value, members) if isinstance(value, str) else _check(value, members)
        except ParametersError:
            continue  # the value cannot be sent, and the caller refuses it
        except (ValueError, KeyError):
            raise CommandError(
                f"{function.__name__} takes {argument.name!r} as {_text(argument.annotation)}, but the call gives"
                f" {describe(value)}: change the value or the annotation. A template gives a text; set"
                " render_template_as_native_obj=True in the DAG for numbers, lists and dicts"
            ) from None
    return found


def _cast_text(text: str, members: frozenset[str]) -> Any:
    """Convert a text to the first type of an annotation that accepts it. Raises ValueError or KeyError if none does."""
    if members & {"str", "Literal"}:
        return text
    if "None" in members and text == "None":  # Jinja writes None as this text
        return None
    for kind in KINDS:
        if kind in members:
            try:
                return _read(text, kind)
            except (ValueError, KeyError):
                continue
    raise ValueError(text)


def _read(text: str, kind: str) -> Any:
    if kind in _CAST:
        return cast(text, kind, TEXT)
    found = json.loads(text)
    if type(found).__name__ != kind:
        raise ValueError(text)
    return found


def _check(value: Any, members: frozenset[str]) -> Any:
    """Check `value`, which is not a text, against the types of an annotation. Types are tried in the order of `KINDS`.

    If the first type that accepts the value is str, return the text of the value. If that type is not str, or if the
    annotation has no types, return the value unchanged. Raises ValueError or KeyError if no type accepts it.
    """
    kinds = [kind for kind in KINDS if kind in members]
    if not kinds:
        return value
    text, letter = to_typed_text(value), type_of(value)
    for kind in kinds:
        try:
            result = cast(text, kind, letter)
        except (ValueError, KeyError):
            continue
        return result if kind == "str" else value
    raise ValueError(text)


def check_values(name: str, kinds: Mapping[str, str], rows: Rows) -> None:
    """Raise CommandError for the first value that does not fit the kind of its argument. Reads all rows."""
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
                value = {NONE: "None", NAN: "NaN"}.get(letter) or repr(row[at][:60])
                raise CommandError(
                    f"row {index}: {name} takes {column!r} as {kind.rstrip('?')}, but the value is {value}: change the"
                    " value or the annotation"
                ) from None


def columns_as_given(kinds: Mapping[str, str]) -> tuple[str, ...]:
    """Return the columns whose values the function gets with their original Python types, not converted from text."""
    return tuple(sorted(name for name, kind in kinds.items() if name != INDEX and kind not in _CAST))


def _is_cast(kind: str | None) -> bool:
    return kind is not None and kind != AS_GIVEN


def _kind(name: str, argument: inspect.Parameter) -> str:
    annotation = argument.annotation
    if annotation is argument.empty:
        return "str" if argument.name == INDEX else AS_GIVEN
    text = _text(annotation)
    optional = _OPTIONAL.fullmatch(text)
    inner = next(filter(None, optional.groups())) if optional else text
    inner = inner.partition("[")[0].rpartition(".")[2]  # list[int] is checked as a list
    if inner in KINDS:
        return inner + "?" * bool(optional)
    if inner in _UNCAST:
        return AS_GIVEN
    raise CommandError(
        f"{name}: the annotation of {argument.name!r} is {text}: use int, float, bool, str, list, dict, or"
        " Optional of one of these types"
    )


def _text(annotation: Any) -> str:
    plain = isinstance(annotation, type) and not hasattr(annotation, "__args__")
    return annotation.__name__ if plain else str(annotation)


def _members(annotation: Any) -> frozenset[str]:
    """Return the names of the types in an annotation, without type arguments.

    Without an annotation, return an empty set.
    """
    if annotation is inspect.Parameter.empty:
        return frozenset()
    text = _text(annotation).replace("NoneType", "None")
    union = _UNION.fullmatch(text)
    text = f"{union[2]}, {'None' if union[1] == 'Optional' else ''}" if union else text
    while (shorter := _BRACKETS.sub(r"\1", text)) != text:
        text = shorter
    return frozenset(part.rpartition(".")[2] for part in re.split(r"[|,\s]+", text) if part)
