"""The pictures of docs/howto/pictures.md: each page in each size and theme, and no picture that no page shows."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from tests.servers.pictures import SIZES, THEMES

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = {
    (page.parent / link).resolve()
    for page in DOCS.rglob("*.md")
    for link in re.findall(r"!\[[^\]]*\]\(([^)]+\.png)\)", page.read_text())
}
PICTURES = sorted((DOCS / "images").glob("*/*.png"))


def test_each_page_is_there_in_each_size_and_theme() -> None:
    pages = {path.parent / path.name.split("-")[0] for path in PICTURES}
    assert len(pages) == 9
    wanted = {
        page.with_name(f"{page.name}-{width}x{height}-{theme}.png")
        for page in pages
        for width, height in SIZES
        for theme in THEMES
    }
    assert set(PICTURES) == wanted


def test_a_picture_has_the_size_in_its_name() -> None:
    for path in PICTURES:
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        assert f"-{width}x{height}-" in path.name


def test_a_page_shows_each_picture() -> None:
    drawn = {path.resolve() for path in DOCS.rglob("*.png")}
    assert drawn - SHOWN == set()
    assert SHOWN - drawn == set()
