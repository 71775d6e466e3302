"""Read the rows of a request (the options of `kubeque sub`, merged with a jobspec)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from kubeque.client import STANDARD_INPUT, Client
from kubeque.model.errors import ParametersError, UserError
from kubeque.model.rows.formats.delimiter import read_delimiter
from kubeque.model.rows.grid import grid, read_grid, sequence
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import Rows
from kubeque.model.rows.selection import repeat_rows, sample_grid, sample_rows, zip_axes
from kubeque.model.sweep.jobspec import Jobspec
from kubeque.model.sweep.options import BY_NAME, ROW_CHANGES, ROW_SOURCES


def read_rows(client: Client, jobspec: Jobspec) -> Rows | None:
    """Return the rows of a request; None if the request has no option for rows. Raises ParametersError, UserError."""
    _check_options(jobspec)
    rows = _read_source(client, jobspec)
    if rows is not None and "sample" in jobspec and "grid" not in jobspec:
        rows = sample_rows(rows, jobspec["sample"], jobspec.get("seed", 0))
    if "repeat" not in jobspec:
        return rows
    return sequence(jobspec["repeat"]) if rows is None else repeat_rows(rows, jobspec["repeat"])


def _check_options(jobspec: Jobspec) -> None:
    """Raise UserError for options that exclude each other, and for an option that needs a missing option."""
    given = [name for name in ROW_SOURCES if name in jobspec]
    if len(given) > 1:
        raise UserError(f"{' and '.join(map(_flag, given))} exclude each other: give one of them")
    for name, source in ROW_CHANGES.items():
        needed = [source] if source else ["sample"] if name == "seed" else list(ROW_SOURCES) if name == "sample" else []
        if name in jobspec and jobspec[name] is not False and needed and not any(other in jobspec for other in needed):
            raise UserError(
                f"{_flag(name)} needs {' or '.join(map(_flag, needed))}: give it, or leave {_flag(name)} out"
            )
    if jobspec.get("zip") and "sample" in jobspec:
        raise UserError("--zip and --sample exclude each other: give one of them")


def _flag(name: str) -> str:
    return BY_NAME[name].flags[-1].partition("/")[0]


def _read_source(client: Client, jobspec: Jobspec) -> Rows | None:
    if "grid" in jobspec:
        return _read_grid(jobspec)
    if "each" in jobspec:
        return client.rows_of_files(jobspec["each"], base=Path(jobspec["base"]))
    if "parameters" not in jobspec:
        return None
    value: Any = jobspec["parameters"]
    delimiter = read_delimiter(jobspec["delimiter"], _flag("delimiter")) if "delimiter" in jobspec else None
    if value == STANDARD_INPUT:
        return client.rows_of_standard_input(delimiter=delimiter)
    if isinstance(value, str):
        return client.rows(value, delimiter=delimiter)
    if delimiter is not None:
        raise ParametersError(
            f"{_flag('delimiter')}: the rows are objects of the jobspec, not CSV text: leave out {_flag('delimiter')}"
        )
    return from_records(value)


def _read_grid(jobspec: Jobspec) -> Rows:
    axes = read_grid(jobspec["grid"])
    if jobspec.get("zip"):
        return zip_axes(axes)
    return sample_grid(axes, jobspec["sample"], jobspec.get("seed", 0)) if "sample" in jobspec else grid(axes)


def check_expanded(patterns: Sequence[str], command: Sequence[str]) -> None:
    """Raise UserError if the shell has probably replaced the pattern of --each by the names of files.

    In this case, `patterns` has only the first name, and `command` begins with the second name.
    """
    if len(patterns) != 1 or not command or any(character in patterns[0] for character in "*?["):
        return
    first, second = PurePath(patterns[0]), PurePath(command[0])
    alike = (first.parent, first.suffix) == (second.parent, second.suffix)
    if alike and os.path.isfile(first) and os.path.isfile(second) and not os.access(second, os.X_OK):
        pattern = first.with_name(f"*{first.suffix}")
        raise UserError(
            "the shell replaced the pattern of --each by several files: put the pattern into quotes, for example"
            f" --each '{pattern}'"
        )
