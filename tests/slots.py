"""The records of a consumer of this machine in its home folder."""

from __future__ import annotations

import json
from pathlib import Path


def read_slot(home: Path, number: int = 0) -> dict[str, object]:
    """Return the content of the slot file with this number; nothing while there is none."""
    try:
        content: dict[str, object] = json.loads((home / "fleet" / f"{number}.slot").read_text())
    except (OSError, ValueError):
        return {}
    return content
