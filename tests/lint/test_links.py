"""Each relative link of the documentation leads to a file and, with an anchor, to a heading of it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.lint.sources import ROOT, list_files

_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def list_anchors(text: str) -> set[str]:
    """Return the anchors of the headings, by GitHub's rule."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def list_broken_links(path: Path) -> list[str]:
    """Return the links of one page whose target does not exist."""
    broken = []
    for target, anchor in _LINK.findall(_CODE.sub("", (ROOT / path).read_text("utf-8"))):
        file = (ROOT / path.parent / target) if target else ROOT / path
        if not file.exists() or (anchor and anchor not in list_anchors(file.read_text("utf-8"))):
            broken.append(f"{path}: {target}#{anchor}")
    return broken


def test_no_link_is_broken() -> None:
    pages = [path for path in list_files() if path.suffix == ".md"]
    assert len(pages) > 20
    assert [link for page in pages for link in list_broken_links(page)] == []
