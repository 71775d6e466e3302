"""Check the arguments that select rows and results, while a DAG is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeque.client import check_ending, check_state
from kubeque.model.globs import translate
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.rows.index_ranges import parse_ranges
from kubeque.model.sweep.option_types import TEXTS
from kubeque_provider.airflow_versions import dag_roots
from kubeque_provider.parsing.destination import refuse_dag_folder
from kubeque_provider.parsing.known import JINJA


def check_fetch(values: Mapping[str, Any]) -> None:
    """Raise UserError for a selection of results that is not valid. `values`: known arguments, keyed by name."""
    indexes, glob = values.get("indexes"), values.get("glob") or ()
    if isinstance(indexes, str):
        parse_ranges(indexes)
    check_state(values.get("state"))
    translate(TEXTS.convert([glob] if isinstance(glob, str) else glob, "glob"))


def check_dest(values: Mapping[str, Any], dag: Any) -> None:
    """Raise UserError if `dest`, up to its first template, is a path in a folder of DAG files.

    `values`: arguments, keyed by name. `dag`: the DAG; if it is None, nothing is checked.
    """
    dest = values.get("dest")
    if dag is None or not isinstance(dest, str):
        return
    literal = min(dest.partition(nonce)[0] for nonce in JINJA)
    if literal and "://" not in literal and ".." not in dest:
        refuse_dag_folder(dest, literal, str(dag.folder), dag_roots())


def check_table(values: Mapping[str, Any]) -> None:
    """Raise UserError if `dest` does not end with .csv or .parquet."""
    if (dest := values.get("dest")) is not None:
        check_ending(str(dest))


def check_reset(values: Mapping[str, Any]) -> None:
    """Raise UserError if `only_cause` contains an unknown cause."""
    ResetRule(False, tuple(values.get("only_cause") or ())).check()
