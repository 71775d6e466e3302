"""`python -m kubeque.consumer.install FOLDER`: copy the software of the consumer from its image to a folder."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def main(words: list[str]) -> None:
    """Copy the loader, the libraries and Python to the folder `words[0]`."""
    home = Path(sys.prefix).parent
    for part in ("lib", "python"):
        shutil.copytree(home / part, Path(words[0]) / part, symlinks=True, dirs_exist_ok=True)


if __name__ == "__main__":
    main(sys.argv[1:])
