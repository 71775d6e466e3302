"""The processes that serve a home folder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def consumers_of(home: Path) -> list[int]:
    """Return the pids of the consumers of a home folder."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_consumer(entry, home)]


def _is_consumer(entry: Path, home: Path) -> bool:
    with suppress(OSError):
        words = (entry / "cmdline").read_bytes().split(b"\0")
        state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        return b"kubeque.consumer" in words and str(home).encode() in words and state != "Z"
    return False
