"""docs/compare.md has each comparison of `docs/generate/comparisons.toml` with its two commands and its verdict."""

from __future__ import annotations

import tomllib
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
#: Tool that few machines have. Its row is in the page only if the tool was there.
RARE = "pueue"


def test_the_page_has_each_comparison() -> None:
    given = tomllib.loads((DOCS / "generate" / "comparisons.toml").read_text())
    page = (DOCS / "compare.md").read_text()
    for row in given["rows"]:
        if row["peer"] != RARE or f": {RARE}\n" in page:
            for text in (
                f"## {row['point']}: {row['peer']}\n",
                f"$ {row['theirs']}\n",
                f"$ {row['ours']}\n",
                row["verdict"],
            ):
                assert text in page, text
