"""The slot files of this machine's consumers in the home folder."""

from __future__ import annotations

import json
from pathlib import Path


def read_slot(home: Path, number: int = 0) -> dict[str, object]:
    """Return the content of the slot file with this number. Return an empty value while the file does not exist."""
    try:
        # Consumers with a login have a folder of their own.
        content: dict[str, object] = json.loads(next(home.glob(f"fleet/**/{number}.slot")).read_text())
    except (OSError, ValueError, StopIteration):
        return {}
    return content
