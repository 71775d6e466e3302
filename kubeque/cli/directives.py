"""Options of a sweep in the head of its program: lines such as `#KUBEQUE --memory 4Gi --task-timeout 30m`."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

import click

from kubeque.cli.sweep_options import make_option, to_jobspec
from kubeque.lazy_dataclass import dataclass
from kubeque.model.command.command import parse_word
from kubeque.model.command.shell_uploads import shell_words, split_uploads
from kubeque.model.errors import CommandError, UserError
from kubeque.model.sweep.jobspec import Jobspec, merge
from kubeque.model.sweep.options import BY_NAME, OPTIONS
from kubeque.model.text import cut, printable
from kubeque.model.user_paths import expand_home

#: The options that a program can set: resources, times, retries, results and consumers.
ALLOWED = (
    "cpu", "memory", "max_memory", "disk", "gpu", "task_timeout", "deadline", "retry_causes", "results", "ignore",
    "consumers",
)  # fmt: skip
_LINE = re.compile(r"#(\s*)KUBEQUE(?:\s+(.*))?")
#: Maximum size of the head of a program, in bytes.
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Directives:
    """The options in the head of a program."""

    #: Path of the program as it is written in the command; empty if no program was read.
    program: str = ""
    options: Jobspec = field(default_factory=dict)
    #: Paths of further `^` files of a shell command that have such options, which are not used.
    unused: tuple[str, ...] = ()

    def below(self, jobspec: Jobspec) -> Jobspec:
        """Return `jobspec` with these options added. If both set an option, the value of `jobspec` is used."""
        return merge(self.options, jobspec) if self.options else jobspec

    def describe(self, jobspec: Mapping[str, Any]) -> str:
        """Return one line with these options, and which of them `jobspec` overrides; empty if there are no options."""
        if not self.options:
            return ""
        shown = ", ".join(f"{_flag(name)} {_format(value)}" for name, value in self.options.items())
        over = [_flag(name) for name in self.options if name in jobspec and not isinstance(jobspec[name], dict)]
        note = f" (overridden: {', '.join(over)})" if over else ""
        others = ", ".join(map(printable, self.unused))
        left = f"; not used: the #KUBEQUE lines of {others}" if others else ""
        return f"from {printable(self.program)}: {shown}{note}{left}"


def read_directives(jobspec: Jobspec) -> Directives:
    """Return the options in the head of the program that a request runs. Raises UserError with the file and the line.

    The program is the first `^` word of the command without a placeholder. In a shell command, it is the first such
    word whose file has options. If the command has no such word, the program is its first word, if this word is a path.
    Return no options for a request with `--like`.
    """
    if "like" in jobspec or "command" not in jobspec:
        return Directives()
    is_shell = bool(jobspec.get("shell"))
    programs = _find_programs(jobspec["command"], is_shell=is_shell)
    paths = {name: Path(jobspec["base"]) / expand_home(name) for name in programs if name and "://" not in name}
    found = [(name, words) for name, path in paths.items() if path.is_file() and (words := _read(path, name))]
    if not found:
        return Directives()
    (program, words), *others = found
    return Directives(program, _parse(words, printable(program)), tuple(name for name, _ in others))


def _find_programs(command: Sequence[Any], *, is_shell: bool) -> list[str]:
    """Return the paths that can be the program, the first one first; empty if the command names none.

    `is_shell`: True if the words are the text of a shell command, which can have several programs.
    """
    try:
        words = [parse_word(str(word)) for word in command]
        if is_shell:
            words = [
                word for piece in split_uploads(words) for word in ([piece] if piece.upload else shell_words(piece))
            ]
    except CommandError:
        return []  # the check of the sweep raises the error
    if uploads := [word.prefix for word in words if word.upload and not word.columns]:
        return uploads if is_shell else uploads[:1]
    return [word.prefix for word in words[:1] if os.sep in word.prefix and not word.columns]


def _read(path: Path, name: str) -> list[str]:
    """Return the words of the `#KUBEQUE` lines of a program. Raises CommandError, UserError."""
    words: list[str] = []
    try:
        for number, text in _directive_lines(path):
            words += _split(text, f"{printable(name)}, line {number}")
    except OSError as error:
        raise CommandError(
            f"{printable(name)} cannot be read ({error.strerror}): give a program that this user can read"
        ) from error
    return words


def _directive_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line number and the options of each `#KUBEQUE` line before the first line of code. Raises OSError.

    Formatters add a blank after a `#`. So a line with `# KUBEQUE` counts, too, if an option follows.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    for number, line in enumerate(head.decode("utf-8", errors="replace").splitlines(), 1):
        text = line.strip().removeprefix("\ufeff")
        if text and not text.startswith("#"):
            return
        match = _LINE.fullmatch(text)
        if match and (not match[1] or (match[2] or "").startswith("-")):
            yield number, match[2] or ""


def _split(text: str, where: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError as error:
        raise UserError(f"{where}: {cut(text, 60)!r} has an open quote ({error}): close the quote") from error


def _parse(words: Sequence[str], name: str) -> Jobspec:
    """Return the options of `#KUBEQUE` lines as a jobspec. Raises UserError."""
    parser = click.Command(
        "#KUBEQUE", params=[make_option(BY_NAME[option]) for option in ALLOWED], add_help_option=False
    )
    _check_allowed(words, name)
    try:
        with parser.make_context("#KUBEQUE", list(words)) as context:
            return to_jobspec(context.params)
    except click.UsageError as error:
        raise UserError(f"{name}, #KUBEQUE: {' '.join(error.format_message().split())}") from error


def _check_allowed(words: Sequence[str], name: str) -> None:
    """Raise UserError for an option of `kubeque sub` that a program cannot set, or that is given twice."""
    flags = {flag: option for option in OPTIONS for names in option.flags for flag in names.split("/")}
    given = [word.partition("=")[0] for word in words if word.startswith("-")]
    for flag in given:
        option = flags.get(flag)
        if option is not None and option.name not in ALLOWED:
            raise UserError(f"{name}: {flag} is not allowed in a #KUBEQUE line: give it on the command line")
        if option is not None and not option.kind.many and given.count(flag) > 1:
            raise UserError(f"{name}, #KUBEQUE: {flag} is given twice: remove one of the two")


def _flag(name: str) -> str:
    return BY_NAME[name].flags[-1]


def _format(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in value.items())
    return ",".join(map(printable, value)) if isinstance(value, list) else printable(str(value))
