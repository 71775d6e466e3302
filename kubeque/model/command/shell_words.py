"""Find words of a command that have a meaning only in a shell. Without a shell, the program gets them as arguments."""

from __future__ import annotations

from collections.abc import Iterable

#: Operators and redirections of a shell that can be a word of their own.
SHELL_WORDS = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<", "<<", "2>", "2>>", "2>&1", "&>", "|&"})


def find_shell_word(words: Iterable[object]) -> str:
    """Return the first word that has a meaning only in a shell; empty if there is none."""
    return next((word for word in words if isinstance(word, str) and word in SHELL_WORDS), "")
