"""Build a sweep from the command line and a jobspec."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from kubeque.cli.job_reference import find_job
from kubeque.cli.row_request import check_expanded, read_rows
from kubeque.client import STANDARD_INPUT, Client, absolute_pushes
from kubeque.model.command.command import check_columns, parse_word
from kubeque.model.errors import CommandError, JobspecError, UserError
from kubeque.model.rows.grid import sequence
from kubeque.model.sweep.jobspec import MAX_BYTES, Jobspec, merge, read_jobspec, sweep_fields
from kubeque.model.sweep.options import BY_NAME, ROW_SOURCES
from kubeque.model.sweep.secret_files import absolute_secret_files
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.user_paths import current_folder, expand_home, read_text_file

#: Endings of files with rows.
_TABLES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"})


def read_request(command: Sequence[str], options: Jobspec, file: str | None) -> Jobspec:
    """Return a request for a sweep as one jobspec. Raises UserError.

    `command` and `options`: values from the command line, which override the jobspec in `file`. `file`: path of a
    jobspec, or `-` for standard input; None without a jobspec.
    """
    if file == STANDARD_INPUT and options.get("parameters") == STANDARD_INPUT:
        raise UserError("-f - and -p - both read standard input: give a file for one of them")
    check_expanded(options.get("each", ()), command)
    here = current_folder()
    typed = options | ({"command": list(command)} if command else {})
    if file is None:
        jobspec = {"base": str(here), **typed}
    else:
        jobspec = merge(_read_file(file, here), _resolve_paths(typed, here))
    if file is not None and "command" in typed:  # paths in `^` words start at this folder; other paths are absolute
        jobspec["base"] = str(here)
    if not jobspec.get("command") and "like" not in jobspec:
        raise CommandError(
            f"the command is missing: write for example kubeque sub python3 '^run.py'{_change_hint(jobspec)}"
        )
    return jobspec


def _change_hint(jobspec: Jobspec) -> str:
    """Return a hint about how to change a job, for a request with a name and without a command.

    Return an empty text for a request without a name.
    """
    if "name" not in jobspec:
        return ""
    name = shlex.quote(jobspec["name"])
    return (
        f"; to change a job, repeat its command and rows, for example kubeque sub -n {name} --repair -p rows.csv"
        f" python3 '^run.py' '{{x}}'; to run failed rows with the present files: kubeque reset {name} --update"
    )


def _read_file(file: str, here: Path) -> Jobspec:
    """Read a jobspec and return it with absolute paths. Raises JobspecError.

    `here`: the current folder.
    """
    try:
        if file == STANDARD_INPUT:
            data, folder = sys.stdin.buffer.read(MAX_BYTES + 1), here
        else:
            path = here / expand_home(file)
            folder = path.parent
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise JobspecError(
            f"{file} cannot be read ({error.strerror}): give a jobspec that this user can read"
        ) from error
    jobspec = read_jobspec(data, file if file != STANDARD_INPUT else "the jobspec")
    base = Path(os.path.abspath(folder / expand_home(jobspec.get("base", "."))))
    return _resolve_paths(jobspec, base) | {"base": str(base)}


def _resolve_paths(jobspec: Jobspec, base: Path) -> Jobspec:
    """Return `jobspec` with absolute paths. Then it can be merged with a jobspec from a different folder.

    `base`: folder against which relative paths of `jobspec` are resolved.
    """
    resolved = dict(jobspec)
    if "push" in resolved:
        resolved["push"] = list(absolute_pushes(resolved["push"], base))
    if "secret_file" in resolved:
        resolved["secret_file"] = absolute_secret_files(resolved["secret_file"], base)
    for name in ("parameters", "fetch", "pod_template"):
        path = resolved.get(name)
        if isinstance(path, str) and "://" not in path and not (name == "parameters" and path == STANDARD_INPUT):
            resolved[name] = os.path.normpath(base / expand_home(path))
    return resolved


def stale_note(client: Client, jobspec: Jobspec, sweep: Sweep) -> str:
    """Return a note on changed files of this machine, if the request uses the stored inputs of a job; else ""."""
    if "like" not in jobspec or "command" in jobspec:
        return ""
    return client.stale_note(find_job(client, jobspec["like"]), like=sweep)


def make_sweep(client: Client, jobspec: Jobspec) -> Sweep:
    """Return the sweep of a request, and read its rows. Raises UserError, StorageError."""
    rows = read_rows(client, jobspec)
    fields = sweep_fields(jobspec) | {"base": Path(jobspec["base"])}
    if isinstance(template := jobspec.get("pod_template"), str):
        fields["pod"] = {**fields["pod"], "pod_template": _read_yaml(template)}
    if rows is None and "like" not in jobspec:
        _check_order(jobspec)
    if "like" not in jobspec:
        return Sweep(**fields, rows=rows or sequence(1))
    like = client.like(find_job(client, jobspec["like"]), rows=rows, inputs_of_command="command" not in jobspec)
    for name in ("env", "retry_causes", "pod"):
        fields[name] = {**getattr(like, name), **fields.get(name, {})}
    return replace(like, **fields)


def _check_order(jobspec: Jobspec) -> None:
    """Raise CommandError if the command has placeholders, and the user gave the rows in the wrong place.

    The place is wrong if an option for rows comes after the first word of the command, or if a file of rows is that
    first word.
    """
    words = jobspec.get("command", [])
    table = next((word for word in words[:1] if PurePath(word).suffix.lower() in _TABLES), None)
    flags = {flag for name in (*ROW_SOURCES, "repeat") for flag in BY_NAME[name].flags}
    late = next((word for word in words[1:] if word.partition("=")[0] in flags), None)
    if (late is None and table is None) or jobspec.get("shell"):
        return
    try:
        check_columns(map(parse_word, words), ())
    except CommandError as error:
        remedy = f"to use the rows of {table}, write -p {table}"
        if late is not None:
            remedy = f"{late} is a word of the command: write options of kubeque before the command"
        raise CommandError(f"{error}; {remedy}") from None


def _read_yaml(name: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise UserError("--pod-template needs the library yaml: pip install 'kubeque[kubernetes]'") from error
    try:
        return yaml.safe_load(read_text_file(Path(expand_home(name))))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"--pod-template {name}: {' '.join(str(error).split())}") from error
