"""Each promise of SECURITY.md names tests that exist."""

from __future__ import annotations

import re

from tests.lint.sources import ROOT


def test_each_promise_names_a_test_that_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    promises = text.partition("## What is promised")[2].partition("\n## ")[0]
    rows = [row for row in promises.splitlines() if row.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        tests = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert tests, row
        assert all("def test_" in (ROOT / test).read_text("utf-8") for test in tests), row
