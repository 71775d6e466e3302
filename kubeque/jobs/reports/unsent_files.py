"""Find modules and files that failed tasks did not find, but that exist on this machine and were not uploaded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kubeque.files.urls import is_folder, local_path
from kubeque.jobs.backends import Backends
from kubeque.jobs.reports.recorded_sources import read_sources
from kubeque.model.errors import StorageError
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.user_paths import expand_home

#: Pattern of the error message of Python, or of `python -m`, for a missing module. A name with a dot does not match,
#: because the package of this module was found.
_MISSING = re.compile(r"No module named '?([A-Za-z_]\w*)(?![\w.])")
#: Pattern of the error messages of Python and of other programs for a missing file with a relative path.
_MISSING_FILE = re.compile(
    r"No such file or directory: '([^'/\0][^'\0]*)'|(?:^|[\s'`\"])([\w.][^\s:'`\"]*)['`\"]?: No such file or directory"
)
#: Pattern of the message of a shell for a missing program with a relative path: `sh: 1: ./run.sh: not found`.
_MISSING_IN_SHELL = re.compile(r"(?:^|: )([\w.][^\s:'`\"]*/[^\s:'`\"]+): (?:command )?not found")
#: Pattern of the message of a consumer for a missing program, as `start_errors` writes it.
_MISSING_PROGRAM = re.compile(r"the program '([^'\0]+)' was not found: upload it as ")
#: Pattern of the error message of Python for a missing script. The path of the working directory is in front of the
#: path in the command.
_MISSING_SCRIPT = re.compile(r"can't open file '(?:[^'\0]*?/work/[^'/\0]+/[^'/\0]+/work/|[^'\0]*/)?([^'\0]+)'")


def find_unsent_module(
    backends: Backends, job: Job, messages: Iterable[str], folders: Sequence[Path] = (), base: Path | None = None
) -> str:
    """Return the value of a `push` option that uploads the first module or file that tasks did not find.

    Return an empty text if this machine has no such module and no such file.

    `messages`: messages of failed tasks. `folders`: folders to search before the folders of the command's `^` words.
    `base`: folder against which the paths of the submission are resolved; None for the folder that this machine
    recorded. Raises StorageError.
    """
    messages = list(messages)
    names = list(dict.fromkeys(name for message in messages for name in _MISSING.findall(message)))
    files = [found[1] or found[2] for message in messages for found in _MISSING_FILE.finditer(message)]
    files += [name for message in messages for name in _MISSING_SCRIPT.findall(message)]
    files += [name for message in messages for name in _MISSING_IN_SHELL.findall(message)]
    if not names and not files:
        return ""
    sources = read_sources(backends, job) if base is None else None
    base = sources.base if sources is not None else base
    spec = backends.spec(job)
    searched = [*folders, *(_script_folders(spec, base) if base is not None else ())]
    sent = {item.name.partition("/")[0] for item in spec.inputs}
    for file in (folder / file for name in names for folder in searched for file in (f"{name}.py", name)):
        if file.name not in sent and (file.is_file() if file.suffix else (file / "__init__.py").is_file()):
            return _write_push(file, base)
    return _find_file(files, base, {item.name for item in spec.inputs}) if base is not None else ""


def find_unsent_program(backends: Backends, job: Job, message: str) -> str:
    """Return the path of the program that a task did not find, if it is a file of this machine; otherwise "".

    `message`: message of the task. Raises StorageError.
    """
    missing = _MISSING_PROGRAM.search(message)
    sources = read_sources(backends, job) if missing else None
    if missing is None or sources is None:
        return ""
    first = backends.spec(job).command[0]
    program = missing[1]
    if first.columns or first.render({}) != program:
        return ""
    return program if (sources.base / program).is_file() else ""


def _find_file(names: Iterable[str], base: Path, sent: set[str]) -> str:
    """Find the first of `names` that is a file below `base`.

    Return a value of the option `push` that sends this file to the tasks; empty if no name is such a file.

    `names`: relative paths. Tasks get the file at the same relative path. `sent`: names of the inputs that tasks
    already get; a file with such a name is skipped.
    """
    for name in names:
        path = os.path.normpath(name)
        if ".." not in Path(name).parts and path not in sent and (base / path).is_file():
            return f"{path}:{path}" if "/" in path else path
    return ""


def _script_folders(spec: JobSpec, base: Path) -> Iterator[Path]:
    """Yield the folders of the files that the command uploads, and `base`."""
    for word in spec.command:
        if word.upload and not word.columns and is_folder(text := word.render({})):
            try:
                yield (base / expand_home(local_path(text))).parent
            except StorageError:
                continue
    yield base


def _write_push(file: Path, base: Path | None) -> str:
    """Return the path of `file`, relative to `base` if the file is below `base`."""
    return str(file.relative_to(base)) if base is not None and file.is_relative_to(base) else str(file)
