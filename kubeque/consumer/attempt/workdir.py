"""The folder of one attempt: create it, stage the inputs, find the results, and remove it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubeque.consumer.attempt.input_cache import STAGED_NS, InputCache, StageFailed
from kubeque.files.mounts import MountTable, is_below, remove_tree
from kubeque.files.safe_paths import safe_name
from kubeque.files.sparse import hole_bytes
from kubeque.model.errors import StorageError
from kubeque.model.globs import selection
from kubeque.model.job.spec import Input
from kubeque.model.resources import format_bytes
from kubeque.model.text import quote_name

#: File with the row and the exact names of its columns. The program can read it.
ROW_FILE = "row.json"
#: Number of refused files whose names are listed. Further files are only counted.
_NAMED = 20
#: Size of the holes in a file, in bytes, from which the file is not kept. Reading 64 GiB of zeros takes minutes.
_HOLE_BYTES = 64 << 30


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that a task left in its working directory."""

    #: Relative path, with `/`.
    name: str
    #: Path of the contents. For a link, this is the path of its target.
    path: Path
    #: Size in bytes.
    size: int
    #: True if the owner may execute the file.
    executable: bool = False


@dataclass(slots=True)
class OutputFiles:
    """The files that a task left in its working directory."""

    files: list[OutputFile] = field(default_factory=list)
    #: One line for each file that cannot be kept, with the reason.
    refused: list[str] = field(default_factory=list)
    #: Number of further files that cannot be kept.
    refused_more: int = 0

    def refuse(self, name: str, why: str) -> None:
        if len(self.refused) < _NAMED:
            self.refused.append(f"{quote_name(name)} {why}")
        else:
            self.refused_more += 1

    def describe_refused(self) -> list[str]:
        """Return a line for each file that cannot be kept.

        If there are too many files, the last line has the number of further files.
        """
        return [*self.refused, *([f"and {self.refused_more} more"] if self.refused_more else [])]


class Workdir:
    """A fresh folder for one attempt."""

    def __init__(self, root: Path, name: str) -> None:
        """`name`: unique among all attempts below `root`. Raises StageFailed if the folder cannot be made."""
        self.folder = root / name
        #: Working directory of the program. Streams and $KUBEQUE_OUT are outside of it, so they do not count as
        #: results.
        self.path = self.folder / "work"
        self.stdout = self.folder / "stdout"
        self.stderr = self.folder / "stderr"
        self.out = self.folder / "out.json"
        #: Size, time and inode of each staged file.
        self._staged: dict[str, tuple[int, int, int]] = {}
        self._mounts = MountTable()
        try:
            root.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir()
            self.path.mkdir()
        except OSError as error:
            raise StageFailed(f"the working directory {self.path} cannot be made: {error.strerror}") from error

    def stage(self, inputs: Sequence[Input], cache: InputCache, *, row: Mapping[str, str]) -> None:
        """Put the inputs into the folder. Also write the row to row.json, unless an input has that name.

        Raises StageFailed, with the name of the input. Raises StoreUnavailable if the store does not answer.
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
        self._staged[name] = _trace(os.lstat(target))

    def collect(self, results: Sequence[str] = (), ignore: Sequence[str] = ()) -> OutputFiles:
        """Return the files that the task wrote, if the globs select them. Unchanged inputs are left out.

        A link to a file in the working directory is kept as a file. Other links, special files, mount points, and names
        that a store cannot hold are refused.
        """
        root = os.path.join(os.path.realpath(self.folder.parent), self.folder.name, self.path.name)
        mounts = frozenset(self._mounts.points(os.path.dirname(root)))  # `remove` uses the same table
        return _Search(root, self._staged, selection(tuple(results), tuple(ignore)), mounts).run()

    def remove(self) -> list[str]:
        """Unmount what the task mounted in the folder. Remove the folder without following links and mounts.

        Return the paths that could not be removed, with the reason.
        """
        return remove_tree(self.folder, after_task=True, table=self._mounts)


def _one_for_each_name(inputs: Sequence[Input]) -> list[Input]:
    """Return each input once, because a job and its row may share inputs.

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


def _trace(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


class _Search:
    """One walk through a working directory."""

    def __init__(
        self,
        root: str,
        staged: Mapping[str, tuple[int, int, int]],
        keeps: Callable[[str], bool],
        mounts: Collection[str],
    ) -> None:
        self._root = root
        self._staged = staged
        self._keeps = keeps
        self._found = OutputFiles()
        #: Mount points in the folder. Their files do not belong to the task.
        self._mounts = mounts
        #: Folders to look into: path, and the prefix of the names in it.
        self._todo = [(root, "")]

    def run(self) -> OutputFiles:
        if os.path.islink(self._root) or is_below(self._root, self._mounts):
            self._found.refuse(".", "was replaced by a link or a mount: nothing in it is kept")
            return self._found
        while self._todo:
            path, prefix = self._todo.pop()
            for entry in self._entries(path, prefix):
                name = prefix + entry.name
                try:
                    self._look(entry, name)
                except OSError as error:  # a process of a different user may still write there
                    self._found.refuse(name, f"cannot be read: {error.strerror}")
        self._found.files.sort(key=lambda file: file.name)
        return self._found

    def _entries(self, path: str, prefix: str) -> list[os.DirEntry[str]]:
        try:
            try:
                entries = os.scandir(path)
            except PermissionError:
                os.chmod(path, stat.S_IRWXU)
                entries = os.scandir(path)
            with entries:
                return list(entries)
        except OSError as error:
            self._found.refuse(prefix.rstrip("/") or ".", f"cannot be read: {error.strerror}")
            return []

    def _look(self, entry: os.DirEntry[str], name: str) -> None:
        if entry.path in self._mounts:
            self._found.refuse(name, "is a mount point: copy what you need from it")
        elif entry.is_dir(follow_symlinks=False):
            if self._has_good_name(name):
                self._todo.append((entry.path, f"{name}/"))
        elif entry.is_symlink():
            if self._keeps(name) and self._has_good_name(name):
                self._follow(entry.path, name)
        else:
            status = entry.stat(follow_symlinks=False)
            if self._staged.get(name) != _trace(status) and self._keeps(name) and self._has_good_name(name):
                self._add(name, entry.path, status)

    def _has_good_name(self, name: str) -> bool:
        try:
            name.encode()
            safe_name(name)
        except UnicodeEncodeError:
            self._found.refuse(name, "has a name that is not UTF-8: rename it")
        except StorageError as error:
            self._found.refuse(name, f"has a name that cannot be kept: {error}")
        else:
            return True
        return False

    def _follow(self, link: str, name: str) -> None:
        real = os.path.realpath(link)
        if real != self._root and not real.startswith(self._root + os.sep):
            self._found.refuse(
                name, f"is a link that leads out of the working directory, to {quote_name(real)}: copy it"
            )
            return
        if is_below(real, self._mounts):
            self._found.refuse(name, f"is a link that leads below a mount point, to {quote_name(real)}: copy it")
            return
        try:
            status = os.stat(real)
        except OSError:
            self._found.refuse(name, f"is a link that leads to nothing: {quote_name(os.readlink(link))}")
            return
        if stat.S_ISDIR(status.st_mode):
            self._found.refuse(name, f"is a link to the folder {quote_name(real)}: its files are kept where they are")
        else:
            self._add(name, real, status)

    def _add(self, name: str, path: str, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            self._found.refuse(name, f"is a {_kind(status.st_mode)}, not a file")
        elif _make_readable(path, status) and (holes := hole_bytes(Path(path), status, _HOLE_BYTES)):
            size, data = format_bytes(status.st_size), format_bytes(status.st_size - holes)
            self._found.refuse(
                name, f"is a sparse file of {size}, of which {data} are data: pack it, as in tar --sparse"
            )
        elif _make_readable(path, status):
            self._found.files.append(OutputFile(name, Path(path), status.st_size, bool(status.st_mode & stat.S_IXUSR)))
        else:
            self._found.refuse(name, "cannot be read: it belongs to another user")


def _make_readable(path: str, status: os.stat_result) -> bool:
    me = os.geteuid()
    if me == 0 or (status.st_uid == me and status.st_mode & stat.S_IRUSR):
        return True
    if status.st_uid == me:
        os.chmod(path, stat.S_IMODE(status.st_mode) | stat.S_IRUSR)
    return os.access(path, os.R_OK)


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "FIFO"
    return "socket" if stat.S_ISSOCK(mode) else "device"
