"""The whitelist of vulture names only what exists, and gives a reason for it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.lint.sources import PACKAGES, ROOT, list_modules

WHITELIST = Path("tests/lint/vulture_whitelist.py")


def test_each_line_has_its_reason_and_its_name_exists() -> None:
    lines = [line for line in (ROOT / WHITELIST).read_text("utf-8").splitlines()[1:] if line]
    names = [match[1] for line in lines if (match := re.fullmatch(r"_\.(\w+)  # \S.*", line))]
    assert len(names) == len(lines)
    assert len(set(names)) == len(names)
    words = {
        word
        for path in list_modules(*PACKAGES, "tests")
        if path != WHITELIST
        for word in re.findall(r"\w+", (ROOT / path).read_text("utf-8"))
    }
    assert set(names) - words == set()
