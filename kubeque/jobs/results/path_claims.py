"""Refuse a layout that gives two files the same path, or two tasks the same folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubeque.files.parallel import MANIFESTS, in_parallel
from kubeque.files.store import Files
from kubeque.jobs.results.destination import MARKER, TABLE, FetchedTask, PendingDownload
from kubeque.jobs.results.file_choice import FileChoice
from kubeque.jobs.results.result_manifest import read_manifest
from kubeque.jobs.results.result_paths import ResultPaths, fold
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import FileError, UserError
from kubeque.model.rows.rows import INDEX
from kubeque.model.text import LINE_CHARACTERS, printable
from kubeque.model.wording import option

#: Template of a flat layout that gives each file of a job its own path.
_ALWAYS = "'{index}-{path}'"


@dataclass(frozen=True, slots=True)
class _Claim:
    """A path below the destination, and the index of the task to which it belongs."""

    index: int
    #: Path of the file in a flat layout, otherwise of the folder of the task.
    path: str
    #: Name of the file, in a flat layout.
    name: str = ""


def check_paths(
    files: Files, paths: ResultPaths, tasks: Mapping[int, tuple[PendingDownload, Mapping[str, str]]],
    fetched: Mapping[int, FetchedTask[Any]], choice: FileChoice,
) -> None:  # fmt: skip
    """Raise UserError if two files get the same path, or two tasks get the same folder. Nothing is written.

    `paths`: the layout. `tasks`: the chosen tasks with their rows, by index. `fetched`: the tasks that the destination
    already has, by index. `choice`: the chosen files of each task.
    """
    claims = PathClaims(paths, {index: row for index, (_, row) in tasks.items()})
    open_tasks = []
    for index, (task, row) in tasks.items():
        before = fetched.get(index)
        if before is None or not before.covers(task.url, choice.globs, choice.streams):
            open_tasks.append(task)
        if not paths.layout.is_flat:
            claims.add(index, paths.folder(row))
    being_fetched = {task.index for task in open_tasks}
    for index, before in fetched.items():
        if index not in being_fetched:
            for name in before.files:
                path = before.path(index, name)
                claims.add(index, path if paths.layout.is_flat else path.removesuffix(f"/{name}"), name)
    if paths.layout.is_flat:
        _claim_files(files, claims, open_tasks, choice)


def _claim_files(files: Files, claims: PathClaims, tasks: Sequence[PendingDownload], choice: FileChoice) -> None:
    """Add the path of each chosen file of the tasks to `claims`. Raises UserError for a path that is already used."""

    def read(task: PendingDownload) -> list[str]:
        try:
            return [file.name for file in choice.select(read_manifest(files, task.url).files)]
        except FileError:
            return []  # the fetch reports the error

    for task, names in zip(tasks, in_parallel(read, tasks, threads=MANIFESTS), strict=True):
        for name in names:
            claims.add(task.index, task.path(name), name)


class PathClaims:
    """The paths below a destination that belong to a task or to a file."""

    def __init__(self, paths: ResultPaths, rows: Mapping[int, Mapping[str, str]]) -> None:
        self._paths = paths
        self._rows = rows
        self._claims: dict[str, _Claim] = {}
        #: For each folder that is not the folder of a task, a task whose folder is inside of it.
        self._inner: dict[str, _Claim] = {}

    def add(self, index: int, path: str, name: str = "") -> None:
        """Record that `path` belongs to the task `index`; in a flat layout, to its file `name`.

        Raises UserError if the path belongs to another task or file, or to the fetch itself.
        """
        layout = self._paths.layout
        if fold(path.split("/")[0]) in (MARKER, TABLE):
            raise UserError(
                f"{layout.text} gives row {index} the path {path!r}, which the fetch uses for its own files:"
                " begin the path with another name"
            )
        claim = _Claim(index, path, name)
        before = self._claims.setdefault(fold(path), claim)
        if (before.index, before.name if layout.is_flat else "") != (index, name if layout.is_flat else ""):
            always = f"; {option('flat', _ALWAYS)} works for every job" if layout.is_flat else ""
            raise UserError(f"{layout.text} {self._describe(before, claim)}{always}")
        if before is claim:
            self._check_nesting(claim)

    def _check_nesting(self, claim: _Claim) -> None:
        """Raise UserError if the folder of a task is inside of the folder of another task.

        A file of the outer task could have the path of the inner folder.
        """
        key = fold(claim.path)
        parents = [key[:at] for at, char in enumerate(key) if char == "/"]
        outer = next((self._claims[parent] for parent in parents if parent in self._claims), None)
        pair = (outer, claim) if outer else (claim, self._inner[key]) if key in self._inner else None
        if pair:
            first, second = (f"row {each.index} ({printable(each.path, LINE_CHARACTERS)})" for each in pair)
            raise UserError(
                f"{self._paths.layout.text} puts the folder of {second} into the folder of {first}: write"
                f" {{{INDEX}}}- in front of the pattern"
            )
        self._inner.update(dict.fromkeys(parents, claim))

    def _describe(self, first: _Claim, second: _Claim) -> str:
        kind = "file" if self._paths.layout.is_flat else "folder"
        places = [claim.path for claim in (first, second)]
        same = places[0] == places[1]
        where = (
            f"the same {kind} {printable(places[0], LINE_CHARACTERS)}" if same
            else f"{kind}s that differ only in case or Unicode form, {' and '.join(map(printable, places))}"
        )  # fmt: skip
        if first.index == second.index:
            also = " and {index}" if len(self._rows) > 1 and not self._paths.used else ""
            return f"gives the files {first.name} and {second.name} of row {first.index} {where}: add {{path}}{also}"
        return f"gives rows {first.index} and {second.index} {where}: add {self._remedy(first, second)}"

    def _remedy(self, first: _Claim, second: _Claim) -> str:
        """Return as text the placeholders that distinguish two tasks: a column with different values, or the index."""
        rows = [self._rows.get(claim.index, {}) for claim in (first, second)]
        differing = [
            name for name, value in rows[0].items()
            if name != INDEX and name not in self._paths.used and rows[1].get(name, value) != value
        ]  # fmt: skip
        differing.sort(key=lambda name: "/" in rows[0][name])  # a value without folders gives a shorter path
        return " or ".join(map(self._paths.placeholder, [*differing[:1], INDEX]))
