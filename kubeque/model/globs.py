"""Globs for the names of result files. `*` and `?` match within one folder, `**` also matches across folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from kubeque.model.errors import UserError
from kubeque.model.text import describe

_TOKENS = re.compile(
    r"(?P<down>(?:^|(?<=/))\*\*/)|(?P<all>\*\*)|(?P<many>\*)|(?P<one>\?)|\[(?P<no>!?)(?P<set>\]?[^\]]+)\]"
)


#: Glob of the files in which Python caches the modules that it imports. A module that was pushed has such a file.
_BYTECODE = "**/__pycache__/"


@lru_cache(maxsize=64)
def selection(results: tuple[str, ...], ignore: tuple[str, ...]) -> Callable[[str], bool]:
    """Return a function that takes a relative file name, and returns True if the file is selected.

    A selected name matches one of the globs `results` (empty: every name matches), and none of the globs `ignore`.
    Files in folders `__pycache__` are selected only if one of the globs `results` contains this name, or `.pyc`.
    """
    named = any(part in glob for glob in results for part in ("__pycache__", ".pyc"))
    left_out = ignore if named else (*ignore, _BYTECODE)
    wanted, unwanted = translate(results), translate(left_out)
    return lambda name: bool(not results or wanted.fullmatch(name)) and not (left_out and unwanted.fullmatch(name))


def translate(globs: Sequence[str]) -> re.Pattern[str]:
    """Return one regular expression that matches the same names as `globs`, for use with `fullmatch`.

    `**/` matches any number of folders, also none. `out/` matches everything below the folder `out`. `out` matches a
    file of this name, and everything below a folder of this name. `[a-z]` and `[!a-z]` match one character. Raises
    UserError for a wrong range such as `[z-a]`.
    """
    try:
        return re.compile("|".join(f"(?:{_expression(glob)})" for glob in globs), re.DOTALL)
    except re.error as error:
        raise UserError(
            f"pattern {describe(globs)}: {error.msg}: write a range from low to high, for example [a-z]"
        ) from error


def check_globs(globs: Sequence[str], what: str) -> None:
    """Raise UserError for a glob that can match no relative name, or that contains a likely mistake.

    `what`: name of the option, for the message.
    """
    translate(globs)
    for glob in globs:
        parts = glob.removeprefix("./").removesuffix("/").split("/")
        if glob.startswith(("/", "~/")) or {"", ".", ".."} & set(parts):
            raise UserError(
                f"{what} {describe(glob)} matches no file: names are relative to the working directory of the task, so"
                " write for example 'out/*.csv'"
            )
        _check_mistakes(glob, what)


def _check_mistakes(glob: str, what: str) -> None:
    """Raise UserError for a glob with a likely mistake: an open bracket, braces, or several patterns in one."""
    literal = _TOKENS.sub("", glob)
    shown = f"{what} {describe(glob)}"
    if "[" in literal:
        raise UserError(f"{shown}: a bracket is not closed: write ] after the characters, or [[] for the character [")
    if re.search(r"\{.*\}", glob, re.DOTALL) and "{" in literal:
        raise UserError(
            f"{shown}: braces are not expanded: write one pattern per alternative, * for a value of the row, or [{{]"
            " for a brace"
        )
    if re.search(r",\s", literal):
        patterns = " and ".join(describe(part.strip()) for part in glob.split(","))
        raise UserError(f"{shown} is one pattern: write {patterns} as separate patterns, or [,] for a comma in a name")


def _expression(glob: str) -> str:
    glob = glob.removeprefix("./")
    if not _TOKENS.search(glob):  # the name of a file or of a folder
        return f"{re.escape(glob.removesuffix('/'))}{'/.*' if glob.endswith('/') else '(?:/.*)?'}"
    glob = f"{glob}**" if glob.endswith("/") else glob
    parts, at = [], 0
    for token in _TOKENS.finditer(glob):
        parts += [re.escape(glob[at : token.start()]), _translate_token(token)]
        at = token.end()
    return "".join([*parts, re.escape(glob[at:])])


def _translate_token(token: re.Match[str]) -> str:
    if token["set"]:
        # `-` keeps its meaning; every other special character of regular expressions is escaped.
        members = re.sub(r"([\\\[\]^&~|])", r"\\\1", token["set"])
        return f"(?!/)[{'^' if token['no'] else ''}{members}]"
    return {"down": "(?:.*/)?", "all": ".*", "many": "[^/]*", "one": "[^/]"}[token.lastgroup or "one"]
