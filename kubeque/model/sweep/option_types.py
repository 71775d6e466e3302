"""The types of sweep options: the JSON Schema of a value, its Python type, and the functions that read it.

One function reads the text of the command line. Another one reads values of any type from Python or Airflow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ResourceError, UserError
from kubeque.model.rows.grid import read_axes
from kubeque.model.sweep.option_values import (
    read_any,
    read_count,
    read_counts,
    read_flag,
    read_object,
    read_objects,
    read_pairs,
    read_path,
    read_quantity,
    read_text,
    read_texts,
    read_time,
    read_words,
)
from kubeque.model.text import describe


@dataclass(frozen=True, slots=True)
class OptionType:
    """The type of the value of a sweep option."""

    #: JSON Schema of the value in a jobspec.
    schema: Mapping[str, Any]
    #: Text in error messages about how to write the value in a jobspec.
    remedy: str
    #: The Python annotation of the value, for arguments of Airflow operators.
    annotation: str
    #: Function that converts a Python value to the form in a `Sweep`. Its arguments are the value, the name of the
    #: option, and the remedy. Raises UserError.
    from_python: Callable[[Any, str, str], Any] = read_any
    #: Function that converts the text of the command line (a tuple of texts if `many`) to the value in a jobspec. Its
    #: arguments are the text and the flag. Raises UserError.
    read: Callable[[Any, str], Any] = lambda value, flag: value
    #: True if the option can be repeated on the command line.
    many: bool = False

    def convert(self, value: Any, what: str) -> Any:
        """Return a Python value in the form in which a `Sweep` stores the value.

        `what`: name of the option for the error message. Raises UserError for a wrong value.
        """
        return self.from_python(value, what, self.remedy)


def _read_list(words: Sequence[str], flag: str) -> list[str]:
    return list(words)


def _read_pairs(words: Sequence[str], flag: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UserError(f"{flag} {word!r}: write NAME=VALUE")
        if pairs.setdefault(name, value) != value:
            raise UserError(f"{flag} {describe(name)} is given twice with different values: remove one of the two")
    return pairs


def _read_counts(words: Sequence[str], flag: str) -> dict[str, int]:
    counts = {}
    for name, value in _read_pairs([part for word in words for part in word.split(",")], flag).items():
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise ResourceError(f"{flag} {name}={value}: write a whole number, for example {name}=3")
        counts[name] = int(value)
    return counts


def _read_axes(words: Sequence[str], flag: str) -> dict[str, list[str]]:
    return read_axes(words)


_SCALAR = {"type": ["string", "number", "boolean"]}
TEXT = OptionType({"type": "string"}, "write a text", "str", read_text)
PATH = OptionType({"type": "string"}, "write a path", "str | Path", read_path)
TEXTS = OptionType(
    {"type": "array", "items": {"type": "string"}}, 'write a list of texts, for example ["*.csv", "*.png"]',
    "Sequence[str]", read_texts, _read_list, many=True,
)  # fmt: skip
WORDS = OptionType(
    {**TEXTS.schema, "minItems": 1}, 'write a list of texts, for example ["python3", "^run.py", "{n}"]',
    "Sequence[Any]", read_words,
)  # fmt: skip
COUNT = OptionType({"type": "integer"}, "write a whole number, for example 3", "int", read_count)
SHARE = OptionType(
    {"type": ["string", "integer"]}, 'write a count or a share, for example 3 or "1%"', "str | int", read_quantity
)
FLAG = OptionType({"type": "boolean"}, "write true or false", "bool", read_flag)
SIZE = OptionType(
    {"type": ["string", "integer"]}, 'write a size, for example "1.5Gi"', "str | int", read_quantity
)  # fmt: skip
CORES = OptionType(
    {"type": ["string", "number"]}, 'write a number of cores, for example 2 or "500m"', "str | float", read_quantity
)
TIME = OptionType(
    {"type": ["string", "number"]}, 'write a time, for example "30m"', "str | float | timedelta", read_time
)
PAIRS = OptionType(
    {"type": "object", "additionalProperties": _SCALAR},
    'write texts by name, for example {"NAME": "VALUE"}',
    "Mapping[str, Any]", read_pairs, _read_pairs, many=True,
)  # fmt: skip
COUNTS = OptionType(
    {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
    'write numbers by cause, for example {"lost": 5}', "Mapping[str, int]", read_counts, _read_counts, many=True,
)  # fmt: skip
AXES = OptionType(
    {
        "type": "object", "minProperties": 1,
        "additionalProperties": {"anyOf": [TEXT.schema, {"type": "array", "minItems": 1, "items": _SCALAR}]},
    },
    'write lists of values by axis, for example {"lr": [0.1, 0.01], "seed": "1..5"}', "Mapping[str, Any]",
    read=_read_axes, many=True,
)  # fmt: skip
ROWS = OptionType(
    {"anyOf": [TEXT.schema, {"type": "array", "minItems": 1, "items": {"type": "object"}}]},
    'give a CSV file, or write a list of rows, for example [{"n": 1}, {"n": 2}]', "Any",
)  # fmt: skip
TAINTS = OptionType(
    {"type": "array", "items": {"type": ["string", "object"]}},
    'write a list of taints, for example ["gpu=true:NoSchedule"]',
    "Sequence[str | Mapping[str, Any]]", read_objects, _read_list, many=True,
)  # fmt: skip
TEMPLATE = OptionType(
    {"type": ["string", "object"]}, "give a YAML file, or write the template", "Mapping[str, Any]", read_object
)  # fmt: skip
