"""Rows from JSON text: one object per line, or a list of objects."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from kubeque.model.errors import NoRows, ParametersError
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import MAX_TASKS, REMEDY_UTF8, Rows
from kubeque.model.rows.values import refuse_missing
from kubeque.model.strict_json import parse_strict_json
from kubeque.model.text import cut

_SUFFIXES = (".jsonl", ".ndjson", ".json")
#: Start of a JSON object or of a list of objects. The header of a CSV file does not begin in this way.
_START = re.compile(rb'\{\s*["}]|\[\s*[\[{\]]')
_NULL = 'null, which is not a text: write "" for an empty text, write another value, or remove the row'
_WRITE = 'write one object per line, for example {"lr": 0.1, "seed": 1}'


def is_json(head: bytes, name: str) -> bool:
    """True if a file with this name and these first bytes contains JSON text."""
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    return bool(start) and (name.lower().endswith(_SUFFIXES) or _START.match(start) is not None)


def read_json(data: bytes, name: str) -> Rows:
    """Return the rows of JSON text. Values keep their types. `data`: contents of the file.

    `name`: name of the file, for messages.

    Raises ParametersError. The message names the line or the row, and also the column if one value is wrong.
    """
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        shown = data[error.start : error.start + 10]
        raise ParametersError(f"{name}, line {line}: the bytes {shown!r} are not UTF-8: {REMEDY_UTF8}") from error
    records = _parse(text, name, 1) if text.lstrip()[:1] == "[" else list(_parse_lines(text, name))
    if not records:
        raise NoRows(f"{name} has no rows: {_WRITE}")
    for number, record in enumerate(records):
        if type(record) is not dict:
            raise ParametersError(f"{name}: row {number} is {cut(json.dumps(record), 40)}, not an object: {_WRITE}")
    refuse_missing(records, name, _NULL)
    try:
        return from_records(records)
    except ParametersError as error:
        raise ParametersError(f"{name}: {error}") from error


def _parse_lines(text: str, name: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _parse(line, name, number)
        if number > MAX_TASKS * 2:
            raise ParametersError(f"{name} has more than {MAX_TASKS} rows: split them into several sweeps")


def _parse(text: str, name: str, line: int) -> Any:
    """Return the value of JSON text. Raises ParametersError.

    `line`: number of the line of the file where the text begins.
    """
    try:
        return parse_strict_json(text, twice="an object has the key {} twice", constant="{} is not a JSON value")
    except json.JSONDecodeError as error:
        raise ParametersError(
            f"{name}, line {line + error.lineno - 1}, column {error.colno}: {error.msg}: {_WRITE}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ParametersError(f"{name}, line {line}: {cut(str(error), 80)}: {_WRITE}") from error
