"""The files of this repository that the checks of this folder read."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: The two packages that are installed.
PACKAGES = ("kubeque", "kubeque_provider")


def list_files() -> list[Path]:
    """Return the files that git tracks or would add, relative to the root; no file that was deleted."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return sorted(path for name in set(listed.stdout.split("\0")) - {""} if (ROOT / (path := Path(name))).is_file())


def list_modules(*tops: str) -> Iterator[Path]:
    """Yield the Python modules below the folders `tops`, relative to the root."""
    return (path for path in list_files() if path.suffix in (".py", ".pyi") and path.parts[0] in tops)


def parse_module_name(path: Path) -> str:
    """Return the dotted name of a module, for example `kubeque.queues.block`."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
