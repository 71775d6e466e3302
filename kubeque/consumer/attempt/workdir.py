"""The folder of one attempt: create it, stage the inputs, find the result files, and remove the folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from kubeque.consumer.attempt.input_cache import STAGED_NS, InputCache, StageFailed
from kubeque.consumer.attempt.result_files import OutputFiles, ResultSearch, file_trace
from kubeque.files.mounts import mount_points, remove_tree
from kubeque.files.safe_paths import safe_name
from kubeque.model.errors import StorageError
from kubeque.model.globs import selection
from kubeque.model.job.spec import Input

#: File in the working directory with the row of the task and the exact names of its columns. The program can read it.
ROW_FILE = "row.json"


class Workdir:
    """A new folder for one attempt."""

    def __init__(self, root: Path, name: str) -> None:
        """Create the folder `name` in the folder `root`. Raises StageFailed if this is not possible.

        `name`: name that no other attempt below `root` has.
        """
        self.folder = root / name
        #: Working directory of the program. The streams and $KUBEQUE_OUT are outside of it, so that they are not result
        #: files.
        self.path = self.folder / "work"
        self.stdout = self.folder / "stdout"
        self.stderr = self.folder / "stderr"
        self.out = self.folder / "out.json"
        #: Size, modification time and inode of each staged file, by its name.
        self._staged: dict[str, tuple[int, int, int]] = {}
        try:
            root.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir()
            self.path.mkdir()
        except OSError as error:
            raise StageFailed(f"the working directory {self.path} cannot be made: {error.strerror}") from error

    def stage(self, inputs: Sequence[Input], cache: InputCache, *, row: Mapping[str, str]) -> None:
        """Put the inputs into the working directory, and write the row to row.json. An input named row.json is kept.

        Raises StageFailed with the name of an input that cannot be staged. Raises StoreUnavailable if the store does
        not answer.
        """
        chosen = _one_for_each_name(inputs)
        targets = [(item, self.path / _checked(item)) for item in chosen]
        cache.fetch(chosen)
        for item, target in targets:
            if target.parent != self.path:
                target.parent.mkdir(parents=True, exist_ok=True)
            cache.place(item, target)
            self._remember(item.name, target)
        if ROW_FILE not in self._staged:
            self._write_row(row)

    def _write_row(self, row: Mapping[str, str]) -> None:
        target = self.path / ROW_FILE
        try:
            target.write_text(json.dumps(dict(row), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            os.utime(target, ns=(STAGED_NS, STAGED_NS))
        except OSError as error:
            raise StageFailed(f"{target} cannot be written: {error.strerror}") from error
        self._remember(ROW_FILE, target)

    def _remember(self, name: str, target: Path) -> None:
        self._staged[name] = file_trace(os.lstat(target))

    def collect(self, results: Sequence[str] = (), ignore: Sequence[str] = ()) -> OutputFiles:
        """Return the result files: the files of the working directory that the globs select, without unchanged inputs.

        `results`: globs of files to keep; empty: all files. `ignore`: globs of files to leave out. A link to a file in
        the working directory is kept as a file. Other links, special files, mount points, and files whose names a store
        cannot have are refused.
        """
        root = os.path.join(os.path.realpath(self.folder.parent), self.folder.name, self.path.name)
        mounts = frozenset(mount_points(os.path.dirname(root)))
        return ResultSearch(root, self._staged, selection(tuple(results), tuple(ignore)), mounts).run()

    def remove(self) -> list[str]:
        """Unmount the file systems that the task has mounted in the folder, and remove the folder.

        Links and remaining mounts are not followed. Return a line for each path that could not be removed, with the
        reason.
        """
        return remove_tree(self.folder, after_task=True)


def _one_for_each_name(inputs: Sequence[Input]) -> list[Input]:
    """Return one input for each name, because a job and its row may have the same input.

    Raises StageFailed if two inputs with the same name differ.
    """
    chosen: dict[str, Input] = {}
    for item in inputs:
        other = chosen.get(item.name, item)
        if (item.digest, item.url) != (other.digest, other.url):
            raise StageFailed(f"two inputs are called {item.name!r}: {other.url} and {item.url}", permanent=True)
        chosen[item.name] = item if item.executable else other
    return list(chosen.values())


def _checked(item: Input) -> str:
    try:
        return str(safe_name(item.name))
    except StorageError as error:
        raise StageFailed(str(error), permanent=True) from error
