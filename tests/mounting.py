"""A separate mount namespace for one test, so that nothing stays mounted after a failed test."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CLONE_NEWNS, _MS_REC, _MS_PRIVATE = 0x20000, 0x4000, 1 << 18


@contextmanager
def private_mounts() -> Iterator[None]:
    """Move the main thread, and the processes that it starts, into a new mount namespace. Skip without the right."""
    libc = ctypes.CDLL(None, use_errno=True)
    folder = os.getcwd()
    before = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.unshare(_CLONE_NEWNS) != 0:
            pytest.skip(f"no right to make a mount namespace: {os.strerror(ctypes.get_errno())}")
        try:
            if libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None) != 0:
                pytest.skip(f"no right to mount: {os.strerror(ctypes.get_errno())}")
            yield
        finally:
            assert libc.setns(before, _CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
            os.chdir(folder)
    finally:
        os.close(before)


def mount(*words: str | Path) -> None:
    """Run `mount`."""
    subprocess.run(["mount", *words], check=True)


def bind(source: Path, target: Path) -> None:
    """Mount a folder or file at a second place; make missing folders."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount("--bind", source, target)
