"""Suggestions for an unknown name: "did you mean ...?"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


def suggest(name: str, known: Iterable[str], what: str, old: Mapping[str, str] | None = None) -> str:
    """Return a hint for an unknown `name`: the most similar known name, or all known names.

    `what`: plural noun for the names. `old`: dict from a name in earlier versions to the present name.
    """
    names, renamed = list(known), old or {}
    near = difflib.get_close_matches(name, [*names, *renamed], 1, cutoff=0.5)
    return f"did you mean {renamed.get(near[0], near[0])!r}?" if near else f"the {what} are {', '.join(names)}"
