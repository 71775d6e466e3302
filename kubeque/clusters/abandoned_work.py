"""Find the working directories that dead consumers of this machine left behind.

A consumer removes the folder of each attempt. If SIGKILL or a reboot ends the consumer, the folder stays in `work/`
below the home folder. Only a process that holds the lock of the consumer's slot may move such a folder.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from kubeque.clusters.slot import FLEET, Slot, end_command

log = logging.getLogger(__name__)
#: Folder of the working directories below the home folder. It has a folder for each slot, with a folder per attempt.
WORK = "work"
#: Folder beside the folders of the slots, for abandoned folders that are being removed.
_ASIDE = "abandoned"
#: Name of the folder of an attempt: uid of the job, index of the task, number of the attempt, and a nonce.
_ATTEMPT = re.compile(r"([^-]+)-\d+-\d+-.+", re.DOTALL)
#: Name of the folder of a slot: the digest of the consumers' login, if they have one, and the number of the slot.
_SLOT = re.compile(r"(?:([0-9a-f]{8})-)?(\d{1,9})")
#: Seconds to wait for the lock of a slot whose consumer has just been killed.
_LOCK_SECONDS = 1.0

#: Function that returns True for the uid of a wanted job.
Wanted = Callable[[str], bool]


def _all_jobs(uid: str) -> bool:
    return True


def find_abandoned(home: Path, wanted: Wanted = _all_jobs) -> list[Path]:
    """Return the folders that dead consumers left behind for attempts of the wanted jobs. Nothing is changed."""
    found = _attempts(home / WORK / _ASIDE, wanted)
    for slot, paths in _by_slot(home, wanted):
        with slot.while_free(0.0) as free:
            found += paths if free else []
    used = _used(home) if found else frozenset()
    return [path for path in found if path not in used]


def set_aside_abandoned(home: Path, wanted: Wanted = _all_jobs) -> list[Path]:
    """Move abandoned folders of the wanted jobs to `abandoned`. Return the folders there that no process uses.

    A folder is not moved if its consumer is alive, or if a process works in the folder. The returned folders include
    those that earlier calls moved. The caller removes them without the lock of a slot, because a removal can take
    minutes and a new consumer may need the slot.
    """
    for slot, paths in _by_slot(home, wanted):
        with slot.while_free(_LOCK_SECONDS) as free:
            if free:
                end_command(slot.read())
                used = _used(home)
                for path in (path for path in paths if path not in used):
                    _move(path, home / WORK / _ASIDE / path.name)
    found = _attempts(home / WORK / _ASIDE, wanted)
    used = _used(home) if found else frozenset()
    return [path for path in found if path not in used]


def left_in_own_slot(home: Path, slot: Slot) -> list[Path]:
    """Return the folders of attempts that earlier consumers left in `slot`. The caller must hold its lock."""
    paths = _attempts(home / WORK / slot.name)
    used = _used(home) if paths else frozenset()
    return [path for path in paths if path not in used]


def find_slots(home: Path) -> Iterator[tuple[str, bool]]:
    """Yield the name of each slot that has a folder in `work`, and True if no consumer uses the slot.

    The lock of such a slot is held until the next slot is yielded.
    """
    for slot, folder in _slots(home):
        with slot.while_free(0.0) as free:
            yield folder.name, free


def _by_slot(home: Path, wanted: Wanted) -> Iterator[tuple[Slot, list[Path]]]:
    """Yield each slot that has folders of attempts, with these folders."""
    for slot, folder in _slots(home):
        if paths := _attempts(folder, wanted):
            yield slot, paths


def _slots(home: Path) -> Iterator[tuple[Slot, Path]]:
    for folder in _folders(home / WORK):
        if name := _SLOT.fullmatch(folder.name):
            yield Slot(home / FLEET / (name[1] or ""), int(name[2])), folder


def _attempts(folder: Path, wanted: Wanted = _all_jobs) -> list[Path]:
    names = ((path, _ATTEMPT.fullmatch(path.name)) for path in _folders(folder))
    return [path for path, name in names if name and wanted(name[1])]


def _folders(folder: Path) -> list[Path]:
    """Return the folders in `folder`, without links to folders; [] if `folder` is missing.

    Also return [] if `folder` is a link, except if it is the folder `work`.
    """
    try:
        if folder.is_symlink() and folder.name != WORK:
            return []
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _used(home: Path) -> frozenset[Path]:
    """Return the folders of attempts in which a process works, such as a daemon that a dead consumer left."""
    work, found = os.path.realpath(home / WORK), set[Path]()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has ended, or belongs to another user
            cwd = os.readlink(process / "cwd")
            parts = cwd.removeprefix(work + os.sep).split(os.sep) if cwd.startswith(work + os.sep) else []
            if len(parts) > 1:
                found.add(home / WORK / parts[0] / parts[1])
    return frozenset(found)


def _move(path: Path, target: Path) -> None:
    try:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        path.rename(target)
    except OSError as error:  # the next consumer of the slot removes the folder where it is
        log.warning("%s cannot be moved: %s", path, error.strerror)
