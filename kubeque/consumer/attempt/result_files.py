"""Find the files of a working directory that are stored as results, and those that are refused, for example FIFOs."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from pathlib import Path

from kubeque.files.mounts import is_below
from kubeque.files.safe_paths import safe_name
from kubeque.files.sparse import hole_bytes
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import StorageError
from kubeque.model.quantities import format_bytes
from kubeque.model.text import quote_name

#: Maximum number of refused files that are listed with their names. Further files are only counted.
_NAMED = 20
#: Total size of the holes in a sparse file from which on the file is refused, bytes. Reading 64 GiB of zeros takes
#: minutes.
_HOLE_BYTES = 64 << 30


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that a task left in its working directory."""

    #: Path relative to the working directory, with `/` between its parts.
    name: str
    #: Path of the file with the contents. For a link, this is the target of the link.
    path: Path
    #: Size in bytes.
    size: int
    #: True if the owner may execute the file.
    executable: bool = False


@dataclass(slots=True)
class OutputFiles:
    """The files that a task left in its working directory: those to store, and those that are refused."""

    #: The files to store, sorted by name.
    files: list[OutputFile] = field(default_factory=list)
    #: One line for each refused file, with its name and the reason.
    refused: list[str] = field(default_factory=list)
    #: Number of refused files that are not in `refused`.
    refused_more: int = 0

    def refuse(self, name: str, why: str) -> None:
        if len(self.refused) < _NAMED:
            self.refused.append(f"{quote_name(name)} {why}")
        else:
            self.refused_more += 1

    def describe_refused(self) -> list[str]:
        """Return a line for each refused file, with its name and the reason.

        If too many files are refused, the last line has the number of the files that are not listed.
        """
        return [*self.refused, *([f"and {self.refused_more} more"] if self.refused_more else [])]


def file_trace(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


class ResultSearch:
    """One search for result files in a working directory."""

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
        #: Mount points in the working directory. Files below a mount point do not belong to the task.
        self._mounts = mounts
        #: Folders that are not searched yet: path of the folder, and prefix of the names of its files.
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
                except OSError as error:  # for example, a process of another user still changes the folder
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
            if self._staged.get(name) != file_trace(status) and self._keeps(name) and self._has_good_name(name):
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
                name, f"is a sparse file of {size}, of which {data} are data: pack it, for example with tar --sparse"
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
