"""Start a Python like that of macOS, without the features of Linux. If root may make mounts, /proc is missing too."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
#: Hides /proc and the cgroups, for a process in a mount namespace of its own.
_HIDE = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && mount -t tmpfs none /sys && exec "$@"', "sh")


@cache
def python_words() -> tuple[str, ...]:
    """Return the words that start the interpreter; the variables of `python_environ` belong to it."""
    hidden = subprocess.run([*_HIDE, "true"], capture_output=True, check=False).returncode == 0
    return (*(_HIDE if hidden else ()), sys.executable)


def python_environ() -> dict[str, str]:
    """Return the variables with which `sitecustomize.py` of this folder is found first."""
    return {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
