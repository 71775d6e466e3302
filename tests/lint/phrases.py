"""Finds phrases that make a text hard to read: in docstrings, comments, messages and docs.

`python -m tests.lint.phrases [PATH ...]` prints each one with its replacement, and their number in each file.
`phrases_ignored.txt` in this folder lists the permitted uses.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

from tests.lint.sources import ROOT, list_files

IGNORED = Path("tests/lint/phrases_ignored.txt")

#: Regular expression of a phrase, and what to write. A space also matches the end of a line.
PHRASES = {
    r"who|whoever|whom": "the noun (the consumer, the caller, the user) or the passive voice",
    r"what (?:is|was|are|were|has been|have been) (?:said|told|asked)": "the noun: the option, the value, the request",
    r"(?:is|are|was|were|be|been|being|not) (?:said|told|asked)": "given, set, requested, reported",
    r"so many": "at most, at least, as many as; or the number",
    r"so long": "until, while; or the duration",
    r"anew": "again, new",
    r"mends?|mended|mending": "fix, correct, repair",
    r"shall": "must, will; or the present tense",
    r"but for": "except, without",
    r"(?<!there\s)(?:is|are|was|were) no (?!longer\b|more\b|less\b|later\b|earlier\b)\w+": "is not a",
    r"stands": "is, holds; is stored, is written",
    r"(?:tells?|told|telling) of": "report, name, return",
    r"looks? of": "poll, check, read",
    r"what of": "the noun",
    r"nobody knows": "unknown",
    r"may come late": "may be late",
    r"all that (?:is|are|was|were|has|have|may|can)": "everything, each; or the noun",
    r"as in [`'\"\d\[{^-]\w*": "for example",
    r", as in (?!the\b|that\b|each\b|an?\b|rows\b|/proc)[\w{}/.-]+": "for example",
    r"name an? readable": "give a file that this user can read",
    r"longest an? [^.\n]{0,30}may": "time limit of",
    r"let nothing": "stop, prevent",
    r"of now": "present, current",
    r"in force": "present, current",
    r"(?:sends?|sent) (?:\w+ )?home": "stop",
    r"counts? (?:not|no longer)": "does not count",
    r"taken for dead": "considered dead",
    r"free of charge": "the effect: is not counted, costs nothing",
    r"again and again": "repeatedly; or the number",
    r"(?:brings?|bringing|brought) (?:\w+ )?along": "upload",
    r"raises as": "raises the errors of",
    r"stood still": "did not continue, did not change",
}
#: The same for the first words of a docstring, of the comment of a field (`#:`) or of a help text.
OPENINGS = {
    r"(?:Do|Does|Did|Is|Are|Was|May|Can|Has|Have|Must|Should|Will)\b[^.]*\?": "True if ...",
    r"Whether": "True if ...",
    r"What": "a verb (Return, Yield); for a value the noun",
    r"Let|Say|Tells?": "the verb: Stop, Run, Set, Show, Return",
}

#: Not written here, or made of the phrases.
_SKIPPED = ("LICENSE", str(IGNORED), "tests/lint/phrases.py", "tests/lint/test_phrases.py")
_TEXTS = {".md", ".cfg", ".toml", ".yaml", ".yml", ".json", ".js", ".css", ".html", ".sh", ""}
_GAP = r"(?:\s|#)+"


def _compile(phrases: dict[str, str], start: str) -> dict[re.Pattern[str], str]:
    return {
        re.compile(rf"{start}(?:{phrase.replace(' ', _GAP)})(?!\w)", re.IGNORECASE): advice
        for phrase, advice in phrases.items()
    }


_PHRASES = _compile(PHRASES, r"\b")
_OPENINGS = _compile(OPENINGS, r"\A\s*")


@dataclass(frozen=True)
class Text:
    """A piece of prose."""

    #: Line of the file in which it starts.
    line: int
    content: str
    #: True if the rules for first words hold.
    is_description: bool


@dataclass(frozen=True)
class Hit:
    """A phrase that was found."""

    path: str
    line: int
    phrase: str
    advice: str
    #: The line of the text around it.
    context: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: `{self.phrase}` in `{self.context}`: write {self.advice}"


@dataclass(frozen=True)
class Rule:
    """A line of the ignore file."""

    #: A file, or a folder with its `/`.
    path: str
    #: Words of the line that holds the phrase; `*` for each line.
    words: str
    reason: str

    def accepts(self, hit: Hit) -> bool:
        """True if the phrase is right here."""
        inside = hit.path.startswith(self.path) if self.path.endswith("/") else hit.path == self.path
        return inside and (self.words == "*" or self.words in hit.context)


def find_hits(path: Path, source: str) -> Iterator[Hit]:
    """Yield the phrases in the texts of one file."""
    is_test = path.parts[0] == "tests"
    texts = _split_module(source, messages=not is_test) if path.suffix in (".py", ".pyi") else [Text(1, source, False)]
    for text in texts:
        for pattern, advice in [*_PHRASES.items(), *(_OPENINGS.items() if text.is_description else ())]:
            for match in pattern.finditer(text.content):
                start = text.content.rfind("\n", 0, match.start()) + 1
                end = text.content.find("\n", match.start())
                context = text.content[start : end if end >= 0 else None].strip()
                line = text.line + text.content.count("\n", 0, match.start())
                yield Hit(str(path), line, " ".join(match[0].split()), advice, context)


def _split_module(source: str, *, messages: bool) -> Iterator[Text]:
    """Yield the docstrings and comments of a module, with `messages` all of its strings that have a space."""
    tree = ast.parse(source)
    described = {id(node.value) for node in ast.walk(tree) if _has_description(node)}
    for node in ast.walk(tree):
        is_prose = isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
        if is_prose and (messages or id(node) in described):
            yield Text(node.lineno, node.value, id(node) in described)
    yield from _join_comments(source)


def _has_description(node: ast.AST) -> TypeGuard[ast.Expr | ast.keyword]:
    """True if the value of `node` is a docstring or a help text."""
    return isinstance(node, ast.Expr) or (isinstance(node, ast.keyword) and node.arg in ("help", "short_help"))


def _join_comments(source: str) -> Iterator[Text]:
    """Yield the comments of a module; lines that follow each other are one comment."""
    joined: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, words = token.start[0], token.string
        if joined and (joined[-1][0] != line - 1 or words.startswith("#:") != joined[0][1].startswith("#:")):
            yield _comment(joined)
            joined = []
        joined.append((line, words))
    if joined:
        yield _comment(joined)


def _comment(lines: Sequence[tuple[int, str]]) -> Text:
    content = "\n".join(words.lstrip("#:").strip() for _, words in lines)
    return Text(lines[0][0], content, lines[0][1].startswith("#:"))


def read_rules() -> list[Rule]:
    """Return the lines of the ignore file: `path | words | reason`."""
    lines = (ROOT / IGNORED).read_text("utf-8").splitlines()
    return [Rule(*(part.strip() for part in line.split(" | "))) for line in lines if line and not line.startswith("#")]


class Report:
    """The phrases of all files, compared with the ignore file."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules

    @cached_property
    def hits(self) -> list[Hit]:
        """Each phrase in each file, also where the ignore file accepts it."""
        return [hit for path in self.paths for hit in find_hits(path, (ROOT / path).read_text("utf-8"))]

    @cached_property
    def paths(self) -> list[Path]:
        """The files that are read."""
        suffixes = _TEXTS | {".py", ".pyi"}
        return [path for path in list_files() if str(path) not in _SKIPPED and path.suffix in suffixes]

    def list_rejected(self) -> list[Hit]:
        """Return the phrases that have to be rewritten."""
        return [hit for hit in self.hits if not any(rule.accepts(hit) for rule in self.rules)]

    def list_stale(self) -> list[Rule]:
        """Return the lines of the ignore file that accept nothing."""
        return [rule for rule in self.rules if not any(rule.accepts(hit) for hit in self.hits)]


def main(paths: Sequence[str]) -> None:
    """Print the phrases below `paths` (default: everywhere), with the ignored ones."""
    hits = [hit for hit in Report([]).hits if not paths or hit.path.startswith(tuple(paths))]
    for hit in hits:
        print(hit)
    for path, count in sorted(Counter(hit.path for hit in hits).items()):
        print(f"{count:5} {path}")
    print(f"{len(hits):5} in all")


if __name__ == "__main__":
    main(sys.argv[1:])
