"""The columns of a table, with types that one pass over its rows finds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from kubeque.model.rows.column_names import FACTS, out_column, parameter_column
from kubeque.model.rows.column_types import Column, ValueType, read_text
from kubeque.model.rows.rows import INDEX
from kubeque.model.rows.text_reasons import TextReasons
from kubeque.model.text import printable

_FACT_KINDS = {
    "state": ValueType.TEXT,
    "cause": ValueType.TEXT,
    "exit_code": ValueType.INTEGER,
    "attempts": ValueType.INTEGER,
    "seconds": ValueType.NUMBER,
    "peak_memory": ValueType.INTEGER,
    "files": ValueType.INTEGER,
    "bytes": ValueType.INTEGER,
    "message": ValueType.TEXT,
}


class TableColumns:
    """The columns of the rows that were added so far."""

    def __init__(self, *, infer: bool, typed: bool, mixed: Collection[str] = ()) -> None:
        """Start without rows.

        `infer`: True to derive the types of parameters from their texts. `typed`: True to use the types of the
        parameters that are not texts. `mixed`: parameters in which an empty text is a missing value.
        """
        self._infer = infer
        self._first = ValueType.EMPTY if infer or typed else ValueType.TEXT
        self._mixed = mixed
        self._parameters: dict[str, Column] = {}
        self._outs: dict[str, Column] = {}
        self._reasons: dict[str, TextReasons] = {}

    def add(self, index: int, values: Mapping[str, Any], out: Mapping[str, Any]) -> None:
        """Add a row. `values`: its parameters. `out`: the values that the task wrote."""
        for name, value in values.items():
            known = self._parameters.get(name) or Column("param", name, parameter_column(name), self._first)
            found = value
            if self._infer and isinstance(value, str):
                found = read_text(value)
                self._reasons.setdefault(name, TextReasons()).add(index, value, found)
            found = None if found == "" and name in self._mixed else found
            self._parameters[name] = replace(known.widen(found), gaps=True) if found is None else known.widen(found)
        for name, value in out.items():
            known = self._outs.get(name) or Column("out", name, out_column(name), gaps=True)
            self._outs[name] = known.widen(value)

    def all(self) -> tuple[Column, ...]:
        """Return the columns: index, parameters, facts and out.*.

        A parameter without a value in any row stays text. A value of out.* is most often a number, and NaN is stored as
        a missing value. So a column of out.* without any value is a column of numbers.
        """
        index = Column("index", INDEX, INDEX, ValueType.INTEGER)
        facts = [Column("fact", name, name, _FACT_KINDS[name], gaps=True) for name in FACTS]
        parameters = [_fill(column, ValueType.TEXT) for column in self._parameters.values()]
        return (index, *parameters, *facts, *(_fill(column, ValueType.NUMBER) for column in self._outs.values()))

    def notes(self) -> Iterator[str]:
        """Yield a note for each parameter that stays text although some of its values look like other types."""
        for name, reasons in self._reasons.items():
            column = self._parameters[name]
            if column.kind is ValueType.TEXT and (reason := reasons.explain()):
                yield f"{printable(column.shown)} stays text: {reason}"


def _fill(column: Column, kind: ValueType) -> Column:
    return replace(column, kind=kind) if column.kind is ValueType.EMPTY else column
