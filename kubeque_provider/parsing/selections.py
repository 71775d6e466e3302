"""Check the arguments that select tasks and results, while a DAG is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeque.client import check_ending, check_state
from kubeque.model.globs import translate
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.rows.index_ranges import parse_ranges
from kubeque.model.sweep.option_types import TEXTS


def check_fetch(values: Mapping[str, Any]) -> None:
    """Raise UserError for a selection of results that is not valid. `values`: known arguments by name."""
    indexes, glob = values.get("indexes"), values.get("glob") or ()
    if isinstance(indexes, str):
        parse_ranges(indexes)
    check_state(values.get("state"))
    translate(TEXTS.convert([glob] if isinstance(glob, str) else glob, "glob"))


def check_table(values: Mapping[str, Any]) -> None:
    """Raise UserError if `dest` does not end with .csv or .parquet."""
    if (dest := values.get("dest")) is not None:
        check_ending(str(dest))


def check_reset(values: Mapping[str, Any]) -> None:
    """Raise UserError for a cause that no task has."""
    ResetRule(False, tuple(values.get("only_cause") or ())).check()
