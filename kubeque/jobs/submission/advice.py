"""Notes about the rows and the command of a sweep that is not submitted yet: likely mistakes, and what was left out."""

from __future__ import annotations

import glob
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from kubeque.jobs.submission.build_spec import named
from kubeque.model.command.command import Word, format_word
from kubeque.model.command.shell_words import SHELL_WORDS
from kubeque.model.errors import CommandError
from kubeque.model.rows.selection import unused_axes
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.text import cut
from kubeque.model.user_paths import expand_home
from kubeque.model.wording import option

#: Number of files that are named.
_FILES_NAMED = 3
#: A value that is a range of numbers or letters in other programs.
_RANGE_ELSEWHERE = re.compile(r"-?[\d.]+(?::-?[\d.]+){1,2}|\d+-\d+|[A-Za-z]\.\.[A-Za-z]")
#: Options of `kubeque sub` that few other programs have.
_LATE_OPTIONS = frozenset({
    "--dry-run", "--no-wait", "--fetch", "--params", "--grid", "--each", "--repeat", "--consumers", "--cluster",
    "--try", "--repair", "--revise", "--replace", "--shell", "--push",
})  # fmt: skip


def submission_notes(sweep: Sweep) -> list[str]:
    """Return notes that the user should read before the submission of a sweep, one sentence each.

    Raises CommandError for a command that can run nowhere, and other errors of `Sweep.check`.
    """
    notes = [*getattr(sweep.rows, "notes", ()), *_kueue_notes(sweep)]
    sweep = sweep.check()
    notes += _glob_notes(sweep)
    if sweep.function is not None:
        return notes
    words = sweep.words()
    _check_one_text(sweep, words)
    axes = unused_axes(sweep.rows, [column for word in words for column in word.columns])
    notes += [
        f"the command does not use {{{name}}}: rows that differ only in {name} run the same command" for name in axes
    ]
    notes += [*islice(_range_notes(sweep), 1), *islice(_late_option_notes(sweep, words), 1)]
    notes += islice(_pattern_notes(sweep), 1)
    return [*notes, *islice(_shell_notes(sweep, words), 1), *islice(_file_notes(sweep, words), _FILES_NAMED)]


def _pattern_notes(sweep: Sweep) -> Iterator[str]:
    """Yield a note for each value of a grid that is a pattern of files, because the value stays a text.

    A sweep with an origin gets no note, because only the command line has an option for rows of files.
    """
    if sweep.origin:
        return
    for name, values in zip(sweep.rows.columns, getattr(sweep.rows, "axes", ()), strict=False):
        for value in values[:_FILES_NAMED]:
            if _matches_files(sweep, value):
                remedy = option("each", shlex.quote(cut(value, 60)))
                yield (
                    f"{name}={cut(value, 60)} is used as text, although files in this folder match the pattern:"
                    f" {remedy} makes one row per file"
                )


def _glob_notes(sweep: Sweep) -> Iterator[str]:
    """Yield a note for each pattern of results that has a comma, because other programs split the pattern there."""
    for name, globs in (("results", sweep.results), ("ignore", sweep.ignore)):
        for glob_text in globs:
            if "," in re.sub(r"\[[^\]]*\]", "", glob_text):
                yield (
                    f"{option(name, shlex.quote(cut(glob_text, 60)))} is one pattern, for names with a comma: give"
                    " several patterns one by one"
                )


def _range_notes(sweep: Sweep) -> Iterator[str]:
    """Yield a note for each axis with one value that is a range in other programs, because the value stays a text."""
    for name, values in zip(sweep.rows.columns, getattr(sweep.rows, "axes", ()), strict=False):
        if len(values) == 1 and _RANGE_ELSEWHERE.fullmatch(values[0]):
            yield (
                f"{name} has one value, the text {cut(values[0], 40)!r}: a range of numbers is {name}=FIRST..LAST or"
                f" {name}=FIRST..LAST..STEP"
            )


def _late_option_notes(sweep: Sweep, words: Sequence[Word]) -> Iterator[str]:
    """Yield a note for each option of `kubeque sub` among the words of the command, which gets this option."""
    for word in words[1:] if not sweep.origin and not sweep.shell else ():
        text = format_word(word)
        if text.partition("=")[0] in _LATE_OPTIONS:
            yield (
                f"{cut(text, 40)} is a word of the command, not an option of kubeque: write options of kubeque"
                " before the command"
            )


def _matches_files(sweep: Sweep, text: str) -> bool:
    """True if `text` has a wildcard, and a file here matches."""
    if not any(mark in text for mark in "*?[") or "**" in text or "\0" in text or "://" in text:
        return False
    return any(glob.iglob(text, root_dir=sweep.base))


def _kueue_notes(sweep: Sweep) -> Iterator[str]:
    """Yield a note if the quota of a queue does not limit the consumers, because they request nothing."""
    missing = [option(name) for name in ("cpu", "memory") if getattr(sweep, name) is None]
    if sweep.pod.get("kueue_queue") and missing:
        yield f"Kueue counts only the resources that a pod requests: set {' and '.join(missing)}"


def _check_one_text(sweep: Sweep, words: Sequence[Word]) -> None:
    """Raise CommandError for a whole command line in one word, which would be the name of a program."""
    word = words[0]
    text = "".join(part if isinstance(part, str) else "x" for part in word.parts).strip()
    if sweep.shell or len(words) > 1 or word.upload or not any(map(str.isspace, text)):
        return
    if not os.path.exists(os.path.join(sweep.base, word.render(_first_row(sweep)))):
        typed = format_word(word)
        raise CommandError(
            f"the command {cut(typed, 60)!r} is one word, so it is the name of a program:"
            f" {_one_text_remedy(typed, is_typed=not sweep.origin)}"
        )


def _one_text_remedy(typed: str, *, is_typed: bool) -> str:
    """Return the remedy for a whole command line in one word. `is_typed`: True for the command line."""
    shell = f"add {option('shell')} to run the command in a shell"
    parts = _split(typed)
    if SHELL_WORDS & set(parts):
        return shell
    quoted = (part if re.fullmatch(r"[\w./:=,@%+-]+", part) else shlex.quote(part) for part in parts)
    here = f", here {cut(' '.join(quoted), 200)}" if parts and is_typed else ""
    uploads = any(part.startswith("^") for part in parts)  # in a shell, ^ does not upload a file
    return f"write its words one by one{here}" + ("" if uploads else f", or {shell}")


def _shell_notes(sweep: Sweep, words: Sequence[Word]) -> Iterator[str]:
    for word in words if not sweep.shell else ():
        if (text := format_word(word)) in SHELL_WORDS:
            yield (
                f"without a shell, the word {text!r} is an argument of the program: add {option('shell')} to"
                " use a shell"
            )


def _file_notes(sweep: Sweep, words: Sequence[Word]) -> Iterator[str]:
    """Yield a note for each word that names a file of this machine but does not upload the file."""
    row = _first_row(sweep)
    for number, word in enumerate(words):
        texts = _split(word.render(row)) if sweep.shell else [word.render(row)]
        for text in dict.fromkeys(texts) if not word.upload else ():
            if _is_left_here(sweep, text, is_program=number == 0 and not sweep.shell):
                remedy = option("push", cut(text, 60)) if sweep.shell else f"'^{cut(format_word(word), 60)}'"
                shown = cut(text, 60)
                where = "on this machine" if os.path.normpath(text).startswith("../") else "in this folder"
                yield f"{shown} is a file {where}, and tasks run in other folders: {remedy} uploads the file"


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _is_left_here(sweep: Sweep, text: str, *, is_program: bool) -> bool:
    """True for the relative path of a file that no task gets."""
    if not text or "\0" in text or os.path.isabs(text) or "://" in text:
        return False
    if is_program and "/" not in text and shutil.which(text):
        return False
    return os.path.isfile(os.path.join(sweep.base, text)) and not _is_pushed(sweep, os.path.normpath(text))


def _is_pushed(sweep: Sweep, path: str) -> bool:
    """True if this file can already be an input of the job, from `--like` or from a pushed file, folder or list."""
    if any(path in (item.name, os.path.basename(item.name)) for item in sweep.inputs):
        return True
    for text in sweep.push:
        source = os.path.relpath(os.path.join(sweep.base, expand_home(text.partition(":")[0])), sweep.base)
        if text.startswith("@") or path == source or source == "." or path.startswith(f"{source}/"):
            return True
    return False


def _first_row(sweep: Sweep) -> Mapping[str, str]:
    return next(named(sweep.rows))
