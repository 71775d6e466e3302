"""What programs write does nothing to a terminal."""

from __future__ import annotations

from kubeque.model.text import as_seen, harmless


def test_nothing_is_left_that_a_terminal_obeys() -> None:
    assert harmless("\x1b]0;title\x07\x1b[31mred\x1b[0m\x00 \x1b[2Jx\x9b2J\x1b]52;c;ZXZpbA==\x07") == "red x2J"
    assert harmless("a\x1b") == "a"
    assert harmless("a\tb\n\x1bPdata") == "a\tb\n"


def test_of_a_progress_bar_the_last_state_is_seen() -> None:
    assert as_seen(" 10%\r 50%\r100% done\r\nnext\r\n") == "100% done\nnext\n"
    assert as_seen("half\r") == "half"
