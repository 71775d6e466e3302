"""Find the mount points below a folder, and remove folders without following links and mounts."""

from __future__ import annotations

import ctypes
import os
import re
import select
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from io import FileIO

from kubeque.model.text import quote_name

#: File with the mounts of this process. A comparison of device numbers would miss bind mounts, because a bind mount has
#: the device number of its source.
_TABLE = "/proc/self/mountinfo"
#: File whose inode identifies the mount namespace of this process.
_NAMESPACE = "/proc/self/ns/mnt"
#: In the table, the kernel writes a space, tab, newline or backslash as a backslash and three octal digits.
_ESCAPED, _SPECIAL = re.compile(rb"\\([0-7]{3})"), re.compile(rb"[ \t\n\\]")
#: Flags for system calls. UMOUNT_NOFOLLOW: do not follow a link at the end of the path. MS_PRIVATE: propagate no mount
#: event to or from the mount.
_UMOUNT_NOFOLLOW, _MS_PRIVATE = 8, 1 << 18


class MountTable:
    """The mounts of this process. The kernel's table of mounts is read once, and again only after it has changed.

    The class is thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: The open file with the table; None before the first read. The file stays open, because the kernel reports a
        #: change of the table only on an open file.
        self._file: FileIO | None = None
        #: Pid and mount namespace in which the file was opened; None before the first read.
        self._opened_in: tuple[int, int] | None = None
        self._table = b""

    def points(self, folder: str | os.PathLike[str]) -> list[str]:
        """Return the mount points at and below `folder`. A mount point comes before the mount points that contain it.

        The path of `folder` must not contain links. The list is empty on a system without /proc.
        """
        root = os.fsencode(folder)
        table = self._current()
        # Return early if the table does not contain the folder: this method is called for each task, and few tasks
        # mount something.
        if b" " + _SPECIAL.sub(_escape, root) not in table:
            return []
        below = root.rstrip(b"/") + b"/"
        found = [point for point in _parse(table) if point == root or point.startswith(below)]
        return [os.fsdecode(point) for point in sorted(found, key=lambda point: -point.count(b"/"))]

    def _current(self) -> bytes:
        here = _process_and_namespace()
        with self._lock:
            if here != self._opened_in:  # if two processes share an open file, the kernel reports a change to only one
                if self._file is not None:
                    self._file.close()
                self._file, self._opened_in = None, here
            if self._file is None or _has_changed(self._file):
                self._read()
            return self._table

    def _read(self) -> None:
        try:
            self._file = self._file or FileIO(_TABLE)
            self._file.seek(0)
            self._table = self._file.readall()
        except OSError:
            self._table = b""


#: The table that all threads of this process share.
_mounts = MountTable()


def mount_points(folder: str | os.PathLike[str]) -> list[str]:
    """Return the mount points at and below `folder`, as `MountTable.points` does."""
    return _mounts.points(folder)


def _process_and_namespace() -> tuple[int, int]:
    try:
        return os.getpid(), os.stat(_NAMESPACE).st_ino
    except OSError:
        return os.getpid(), 0


def is_on_mount(folder: str | os.PathLike[str]) -> bool:
    """True if `folder` is on a mounted file system other than that of `/`."""
    path = os.fsencode(os.path.realpath(folder))
    return any(point != b"/" and (path == point or path.startswith(point + b"/")) for point in _parse(_read_table()))


def is_below(path: str, folders: Collection[str]) -> bool:
    """True if `path` is one of `folders`, or is below one of them."""
    return bool(folders) and any(path == folder or path.startswith(folder + os.sep) for folder in folders)


def _read_table() -> bytes:
    try:
        with FileIO(_TABLE) as file:
            return file.readall()
    except OSError:
        return b""


def _has_changed(table: FileIO) -> bool:
    """True if the mounts may have changed since the last call for this file; at the first call, since its opening."""
    asked = select.poll()
    asked.register(table, select.POLLIN | select.POLLOUT | select.POLLPRI)
    # If the kernel does not watch the table, it also reports the file as writable. The mounts may then have changed.
    return asked.poll(0) != [(table.fileno(), select.POLLIN)]


def _parse(table: bytes) -> list[bytes]:
    """Return the mount points in the kernel's table, in the order of the table."""
    points = (line.split(b" ", 5)[4] for line in table.splitlines())
    return [_ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), point) for point in points]


def _escape(found: re.Match[bytes]) -> bytes:
    return b"\\%03o" % found[0][0]


def unmount_below(folder: str | os.PathLike[str]) -> list[str]:
    """Unmount the file systems that are mounted at and below `folder`. Return the mount points that remain.

    The path of `folder` must not contain links.
    """
    left = mount_points(folder)
    while left and sys.platform == "linux":
        # A recursive bind mount shares events with its source. If it stayed shared, the source would lose its mounts
        # too.
        for point in [point for point in left if _make_private(point)]:
            ctypes.CDLL(None).umount2(os.fsencode(point), _UMOUNT_NOFOLLOW)
        # Repeat: a mount that a later mount hides can be unmounted only after the later mount.
        before, left = left, mount_points(folder)
        if len(left) == len(before):
            break
    return left


def _make_private(point: str) -> bool:
    return bool(ctypes.CDLL(None).mount(None, os.fsencode(point), None, ctypes.c_ulong(_MS_PRIVATE), None) == 0)


def remove_tree(folder: str | os.PathLike[str], *, after_task: bool = False) -> list[str]:
    """Remove a folder without following links and mounts. Return a line for each path that remains, with the reason.

    `after_task`: True to unmount first the file systems that are mounted in the folder, and to restore permissions that
    a program has removed. If a mount point remains, everything below it is kept. A missing folder is not an error.
    """
    path = _resolve_above(folder)
    left = unmount_below(path) if after_task else mount_points(path)
    problems = _name_mounts(left)
    try:
        try:
            _remove_around(path, left)
        except PermissionError:
            if not after_task:
                raise
            _make_writable(path, left)
            _remove_around(path, left)
    except FileNotFoundError:
        pass
    except (OSError, RecursionError) as error:  # RecursionError: folders nested a thousand deep
        problems.append(f"{quote_name(path)} could not be removed: {error}")
    return problems


def _resolve_above(folder: str | os.PathLike[str]) -> str:
    """Return the path of a folder without links above the folder. The folder itself may still be a link."""
    above, name = os.path.split(os.path.abspath(folder))
    return os.path.join(os.path.realpath(above), name)


def _name_mounts(points: Collection[str]) -> list[str]:
    return [
        f"{quote_name(point)} is a mount point and is not removed: unmount the folder, then remove the folder"
        for point in points
    ]


def _remove_around(path: str, mounts: Collection[str]) -> None:
    """Remove a folder, but keep the mount points `mounts` in it and the folders that contain them. Raises OSError."""
    if path in mounts:
        return
    if os.path.islink(path):  # rmtree also refuses a link, but on Python 3.13 its error has no reason
        raise OSError("it is a symbolic link")
    if not any(point.startswith(path + os.sep) for point in mounts):
        shutil.rmtree(path)  # noqa: TID251
        return
    for entry in _entries(path):
        if entry.is_dir(follow_symlinks=False):
            _remove_around(entry.path, mounts)
        elif entry.path not in mounts:
            os.unlink(entry.path)


def _make_writable(folder: str, mounts: Collection[str]) -> None:
    todo = [folder]
    while todo:
        path = todo.pop()
        try:
            if path not in mounts:
                os.chmod(path, stat.S_IRWXU)  # `path` is a real folder here, and never a link
                with os.scandir(path) as entries:
                    todo += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue  # the folder belongs to another user: its removal then fails and reports the reason


def remove_files(root: str, keep: Callable[[str], bool]) -> list[str]:
    """Remove the files below `root` for which `keep` returns False, and then the empty folders. Raises OSError.

    `keep`: function that gets the name of a file relative to `root`. Nothing at or below a mount point is read or
    removed, and no link is followed. Return a line for each mount point that remains. If `root` is a link, remove
    nothing, and return one line.
    """
    root = _resolve_above(root)
    if os.path.islink(root):
        return [f"{quote_name(root)} is a link and is not removed: another program has replaced the folder"]
    mounts = mount_points(root)
    if root in mounts:
        return _name_mounts(mounts)
    waiting = [(root, _entries(root))]
    while waiting:
        at, entries = waiting[-1]
        entry = next(entries, None)
        if entry is None:
            waiting.pop()
            with suppress(OSError):  # the folder is not empty
                os.rmdir(at)
        elif entry.path in mounts:
            continue
        elif entry.is_dir(follow_symlinks=False):
            waiting.append((entry.path, _entries(entry.path)))
        elif not keep(os.path.relpath(entry.path, root)):
            with suppress(FileNotFoundError):
                os.unlink(entry.path)
    return _name_mounts(mounts)


def _entries(path: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return iter(list(entries))
    except FileNotFoundError:  # another process is removing the same tree
        return iter(())
