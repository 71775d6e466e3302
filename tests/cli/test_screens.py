"""docs/howto/screens.md shows the screens that the program draws, except for numbers, times and folders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from docs.generate.screens import GROUPS, SIZES, mask, read_screens
from tests.cli.conftest import Shell
from tests.cli.screen_recorder import draw_screens

ROOT = Path(__file__).parents[2]
PAGE = read_screens((ROOT / "docs" / "howto" / "screens.md").read_text())


def test_each_screen_has_a_block() -> None:
    assert set(PAGE) == {(name, *size) for group in GROUPS.values() for name in group for size in SIZES}


def test_no_line_is_wider_than_its_terminal() -> None:
    for (name, columns, _), text in PAGE.items():
        assert max(map(len, text.splitlines()[1:])) <= columns, name


@pytest.mark.rotating
@pytest.mark.timeout(300)
@pytest.mark.parametrize("group", GROUPS)
def test_the_page_shows_what_the_program_draws(shell: Shell, group: str) -> None:
    env = shell.env | {"PYTHONPATH": str(ROOT)}
    drawn = draw_screens(group, f"{sys.executable} -m kubeque.cli", shell.folder, shell.home, env)
    for key, text in drawn.items():
        assert mask(text) == mask(PAGE[key]), key
