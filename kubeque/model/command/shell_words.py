"""Words of a command that only a shell understands. Without a shell, the program gets them as arguments."""

from __future__ import annotations

from collections.abc import Iterable

#: Operators and redirections of a shell, as separate words.
SHELL_WORDS = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<", "<<", "2>", "2>>", "2>&1", "&>", "|&"})


def find_shell_word(words: Iterable[object]) -> str:
    """Return the first word that only a shell understands; empty if there is none."""
    return next((word for word in words if isinstance(word, str) and word in SHELL_WORDS), "")
