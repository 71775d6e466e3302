"""Globs over the names of result files: `*` and `?` stay within a folder, `**` crosses folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

_TOKENS = re.compile(
    r"(?P<down>(?:^|(?<=/))\*\*/)|(?P<all>\*\*)|(?P<many>\*)|(?P<one>\?)|\[(?P<no>!?)(?P<set>\]?[^\]]+)\]"
)


@lru_cache(maxsize=64)
def selection(results: tuple[str, ...], ignore: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a file of that relative name is kept: it matches one of `results` (none given: all) and no `ignore`."""
    wanted, unwanted = translate(results), translate(ignore)
    return lambda name: bool(not results or wanted.fullmatch(name)) and not (ignore and unwanted.fullmatch(name))


def translate(globs: Sequence[str]) -> re.Pattern[str]:
    """One expression that matches the names that any of `globs` does; to be used with `fullmatch`.

    `**/` is any number of folders, also none. `out/` is all below out. `[a-z]` and `[!a-z]` are one character.
    """
    return re.compile("|".join(f"(?:{_expression(glob)})" for glob in globs), re.DOTALL)


def _expression(glob: str) -> str:
    glob = glob.removeprefix("./")
    glob = f"{glob}**" if glob.endswith("/") else glob
    parts, at = [], 0
    for token in _TOKENS.finditer(glob):
        parts += [re.escape(glob[at : token.start()]), _translated(token)]
        at = token.end()
    return "".join([*parts, re.escape(glob[at:])])


def _translated(token: re.Match[str]) -> str:
    if token["set"]:
        # A `-` keeps its meaning, everything else that an expression might read is taken as it is.
        members = re.sub(r"([\\\[\]^&~|])", r"\\\1", token["set"])
        return f"(?!/)[{'^' if token['no'] else ''}{members}]"
    return {"down": "(?:.*/)?", "all": ".*", "many": "[^/]*", "one": "[^/]"}[token.lastgroup or "one"]
