"""From a command line and a jobspec to a sweep: who said what, where paths start, which rows there are."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kubeque.client import Client
from kubeque.files.inputs.sources import absolute_pushes
from kubeque.model.errors import CommandError, JobspecError, UserError
from kubeque.model.rows.axes import read_grid
from kubeque.model.rows.parameters import Rows, from_records, grid, sequence
from kubeque.model.sweep.jobspec import MAX_BYTES, Jobspec, merge, read_jobspec, sweep_fields
from kubeque.model.sweep.options import BY_NAME, ROW_OPTIONS
from kubeque.model.sweep.sweep import Sweep


def read_request(command: Sequence[str], options: Jobspec, file: str | None) -> Jobspec:
    """One jobspec that says all of it: what a jobspec `file` says, where options and words say nothing else.

    Raises UserError.
    """
    here = Path.cwd()
    typed = options | ({"command": list(command)} if command else {})
    asked = merge(_read(file, here), _at(typed, here)) if file is not None else {"base": str(here), **typed}
    if file is not None and "command" in typed:  # its ^ words mean files here; all other paths are absolute by now
        asked["base"] = str(here)
    if not asked.get("command") and "like" not in asked:
        raise CommandError("there is no command: say what to run, as in kubeque sub python3 '^run.py'")
    return asked


def _read(file: str, here: Path) -> Jobspec:
    """A jobspec, with `base` and every path absolute. Raises JobspecError."""
    try:
        if file == "-":
            data, folder = sys.stdin.buffer.read(MAX_BYTES + 1), here
        else:
            folder = (here / file).parent
            with open(file, "rb") as stream:
                data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise JobspecError(f"{file} cannot be read ({error.strerror}): name a jobspec that you may read") from error
    asked = read_jobspec(data, file if file != "-" else "the jobspec")
    base = Path(os.path.abspath(folder / os.path.expanduser(asked.get("base", "."))))
    return _at(asked, base) | {"base": str(base)}


def _at(asked: Jobspec, base: Path) -> Jobspec:
    """The same with absolute paths, so that it may be joined with what was said elsewhere."""
    made = dict(asked)
    if "push" in made:
        made["push"] = list(absolute_pushes(made["push"], base))
    for name in ("parameters", "fetch", "pod_template"):
        path = made.get(name)
        if isinstance(path, str) and "://" not in path:
            made[name] = os.path.normpath(base / os.path.expanduser(path))
    return made


def make_sweep(client: Client, asked: Jobspec) -> Sweep:
    """The sweep that is asked for. Raises UserError."""
    rows = read_rows(client, asked)
    said = sweep_fields(asked) | {"base": Path(asked["base"])}
    if isinstance(template := asked.get("pod_template"), str):
        said["pod"] = {**said["pod"], "pod_template": _read_yaml(template)}
    if "like" not in asked:
        return Sweep(**said, rows=rows or sequence(1))
    like = client.like(asked["like"], rows=rows, inputs_of_command="command" not in asked)
    for name in ("env", "retry_causes", "pod"):
        said[name] = {**getattr(like, name), **said.get(name, {})}
    return replace(like, **said)


def read_rows(client: Client, asked: Jobspec) -> Rows | None:
    """The rows that are asked for; None where nothing is said of them. Raises ParametersError."""
    given = [name for name in ROW_OPTIONS if name in asked]
    if len(given) > 1:
        flags = [BY_NAME[name].flags[-1] for name in given]
        raise UserError(f"{' and '.join(flags)} exclude each other: each of them says which rows there are")
    if not given:
        return None
    value = asked[given[0]]
    if given == ["grid"]:
        return grid(read_grid(value))
    if given == ["repeat"]:
        return sequence(value)
    return client.rows(value) if isinstance(value, str) else from_records(value)


def _read_yaml(name: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise UserError("--pod-template needs a library: pip install 'kubeque[kubernetes]'") from error
    try:
        return yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"--pod-template {name}: {' '.join(str(error).split())}") from error
