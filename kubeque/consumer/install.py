"""`python -m kubeque.consumer.install FOLDER` copies the consumer's software out of its image."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def main(words: list[str]) -> None:
    """Copy the loader, the libraries and Python to FOLDER."""
    home = Path(sys.prefix).parent
    for part in ("lib", "python"):
        shutil.copytree(home / part, Path(words[0]) / part, symlinks=True, dirs_exist_ok=True)


if __name__ == "__main__":
    main(sys.argv[1:])
