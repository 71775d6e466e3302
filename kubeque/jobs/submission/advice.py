"""Notes on likely mistakes in the rows, the command and the options of a sweep, before the sweep is submitted."""

from __future__ import annotations

import glob
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from kubeque.jobs.submission.build_spec import named
from kubeque.model.command.command import Word, format_word
from kubeque.model.command.shell_uploads import is_plain, quoted_uploads, shell_words
from kubeque.model.command.shell_words import SHELL_WORDS
from kubeque.model.config.config import Config
from kubeque.model.errors import CommandError
from kubeque.model.rows.rows import INDEX
from kubeque.model.rows.selection import unused_axes
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.text import cut
from kubeque.model.user_paths import expand_home
from kubeque.model.wording import option

#: Maximum number of notes about files that tasks do not get, and of values per axis that are compared with files.
_FILES_NAMED = 3
#: Matches a value that other programs read as a range, for example `1:10`, `1-10` or `a..c`.
_RANGE_ELSEWHERE = re.compile(r"-?[\d.]+(?::-?[\d.]+){1,2}|\d+-\d+|[A-Za-z]\.\.[A-Za-z]")
#: Options of `kubeque sub` that few other programs have. In a command, such an option is probably misplaced.
_LATE_OPTIONS = frozenset({
    "--dry-run", "--no-wait", "--fetch", "--params", "--grid", "--each", "--repeat", "--consumers", "--cluster",
    "--try", "--repair", "--revise", "--replace", "--shell", "--push",
})  # fmt: skip


def submission_notes(sweep: Sweep, config: Config) -> list[str]:
    """Return notes for the user about likely mistakes in a sweep, one sentence each.

    `config`: configuration with the default resources of tasks.

    Raises CommandError if the command is one word that contains a whole command line. Raises the errors of
    `Sweep.check`.
    """
    notes = [*getattr(sweep.rows, "notes", ()), *_kueue_notes(sweep, config)]
    sweep = sweep.check()
    notes += [*_glob_notes(sweep), *_push_notes(sweep)]
    if sweep.function is not None:
        return notes
    words = sweep.words()
    _check_one_text(sweep, words)
    _check_quoted_uploads(sweep, words)
    axes = unused_axes(sweep.rows, [column for word in words for column in word.columns])
    notes += [
        f"the command does not use {{{name}}}: rows that differ only in {name} run the same command" for name in axes
    ]
    notes += [*islice(_range_notes(sweep), 1), *islice(_late_option_notes(sweep, words), 1)]
    notes += islice(_pattern_notes(sweep), 1)
    return [*notes, *islice(_shell_notes(sweep, words), 1), *islice(_file_notes(sweep, words), _FILES_NAMED)]


def _pattern_notes(sweep: Sweep) -> Iterator[str]:
    """Yield a note for each value of a grid that is a pattern and matches files. kubeque uses such a value as text.

    A sweep with an origin (from Airflow) gets no note, because only the command line has the option `--each`.
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
    """Yield a note for each pattern of result files that contains a comma. A pattern is not split at commas."""
    for name, globs in (("results", sweep.results), ("ignore", sweep.ignore)):
        for glob_text in globs:
            if "," in re.sub(r"\[[^\]]*\]", "", glob_text):
                yield (
                    f"{option(name, shlex.quote(cut(glob_text, 60)))} is one pattern, for names with a comma: give"
                    " several patterns one by one"
                )


def _push_notes(sweep: Sweep) -> Iterator[str]:
    """Yield a note for each push to a name, or from a URL, that has a column in braces. Pushes have no placeholders."""
    for text in sweep.push:
        target = text.rpartition(":")[2] if ":" in text else ""
        for name in (*sweep.rows.columns, INDEX):
            if f"{{{name}}}" in target:
                yield (
                    f"{option('push', shlex.quote(cut(text, 60)))} is the same for all rows: {{{name}}} is a part of"
                    " the file's name, not a value of the row"
                )


def _range_notes(sweep: Sweep) -> Iterator[str]:
    """Yield a note for each axis whose only value looks like a range. kubeque uses such a value as text."""
    for name, values in zip(sweep.rows.columns, getattr(sweep.rows, "axes", ()), strict=False):
        if len(values) == 1 and _RANGE_ELSEWHERE.fullmatch(values[0]):
            yield (
                f"{name} has one value, the text {cut(values[0], 40)!r}: a range of numbers is {name}=FIRST..LAST or"
                f" {name}=FIRST..LAST..STEP"
            )


def _late_option_notes(sweep: Sweep, words: Sequence[Word]) -> Iterator[str]:
    """Yield a note for each word of the command that is an option of `kubeque sub`.

    The word is passed to the program. Yield nothing for a shell command or a sweep from Airflow.
    """
    for word in words[1:] if not sweep.origin and not sweep.shell else ():
        text = format_word(word)
        if text.partition("=")[0] in _LATE_OPTIONS:
            yield (
                f"{cut(text, 40)} is a word of the command, not an option of kubeque: write options of kubeque"
                " before the command"
            )


def _matches_files(sweep: Sweep, text: str) -> bool:
    """True if `text` has a wildcard and matches a file or folder in the base folder of the sweep.

    False for a URL and for a pattern with `**`.
    """
    if not any(mark in text for mark in "*?[") or "**" in text or "\0" in text or "://" in text:
        return False
    return any(glob.iglob(text, root_dir=sweep.base))


def _kueue_notes(sweep: Sweep, config: Config) -> Iterator[str]:
    """Yield a note if the pods of a Kueue queue request no CPU or no memory. Kueue does not count an unset resource."""
    defaults = {"cpu": config.default_resource_cpu, "memory": config.default_resource_memory}
    missing = [option(name) for name, default in defaults.items() if default is None and getattr(sweep, name) is None]
    if sweep.pod.get("kueue_queue") and missing:
        yield f"Kueue counts only the resources that a pod requests: set {' and '.join(missing)}"


def _check_one_text(sweep: Sweep, words: Sequence[Word]) -> None:
    """Raise CommandError if the command is one word that contains white space and is not the path of a file.

    Such a word is probably a whole command line, but it would be the name of a program.
    """
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
    """Return the remedy for the message about a command of one word. `typed`: this word.

    `is_typed`: True if the command comes from the command line, False if it comes from Airflow.
    """
    shell = f"add {option('shell')} to run the command in a shell"
    parts = _split(typed)
    if SHELL_WORDS & set(parts):
        return shell
    quoted = (part if re.fullmatch(r"[\w./:=,@%+-]+", part) else shlex.quote(part) for part in parts)
    here = f", here {cut(' '.join(quoted), 200)}" if parts and is_typed else ""
    return f"write its words one by one{here}, or {shell}"


def _shell_notes(sweep: Sweep, words: Sequence[Word]) -> Iterator[str]:
    for word in words if not sweep.shell else ():
        if (text := format_word(word)) in SHELL_WORDS:
            yield (
                f"without a shell, the word {text!r} is an argument of the program: add {option('shell')} to"
                " use a shell"
            )


def _check_quoted_uploads(sweep: Sweep, words: Sequence[Word]) -> None:
    """Raise CommandError if a shell command has `^path` in quotes or in a here-document, and `path` is a file here."""
    row = _first_row(sweep)
    for word in quoted_uploads(words) if sweep.shell else ():
        path = word.render(row)
        if "\0" not in path and os.path.isfile(os.path.join(sweep.base, path)):
            shown = cut(format_word(word), 60)
            raise CommandError(
                f"the shell command has {shown} in quotes or in a here-document, so it uploads no file:"
                f" {_shell_upload(word)}"
            )


def _shell_upload(word: Word) -> str:
    """Return a text that says what to write in a shell command so that the file of `word` is uploaded."""
    path = format_word(replace(word, upload=False))
    if is_plain(word):
        return f"write ^{cut(path, 60)} as a word without quotes"
    if not word.columns:
        return f"use {option('push', shlex.quote(path))} and the name of the file"
    return f"give the words of the command one by one, with '^{cut(path, 60)}'"


def _file_notes(sweep: Sweep, words: Sequence[Word]) -> Iterator[str]:
    """Yield a note for each word that names a file of this machine but does not upload the file."""
    row = _first_row(sweep)
    for number, word in enumerate(words):
        for each in dict.fromkeys(shell_words(word) if sweep.shell else [word]) if not word.upload else ():
            text = each.render(row)
            if _is_left_here(sweep, text, is_program=number == 0 and not sweep.shell):
                remedy = f"'^{cut(format_word(each), 60)}' uploads the file"
                if sweep.shell and each.columns:
                    remedy = f"to upload the file of each row, {_shell_upload(each)}"
                elif sweep.shell:
                    remedy = f"{option('push', shlex.quote(cut(text, 60)))} uploads the file"
                shown = cut(text, 60)
                where = "on this machine" if os.path.normpath(text).startswith("../") else "in this folder"
                yield f"{shown} is a file {where}, and tasks run in other folders: {remedy}"


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _is_left_here(sweep: Sweep, text: str, *, is_program: bool) -> bool:
    """True if `text` is the relative path of an existing file that is not an input of the sweep.

    `is_program`: True for the first word of the command. The result is False for a program that is found in `PATH`.
    """
    if not text or "\0" in text or os.path.isabs(text) or "://" in text:
        return False
    if is_program and "/" not in text and shutil.which(text):
        return False
    return os.path.isfile(os.path.join(sweep.base, text)) and not _is_pushed(sweep, os.path.normpath(text))


def _is_pushed(sweep: Sweep, path: str) -> bool:
    """True if the file at `path` is, or can be, an input because of `--like` or `--push`.

    `path`: relative to the base folder of the sweep. True if the sweep has a push `@list`: the list is not read, and
    can contain any file.
    """
    if any(path in (item.name, os.path.basename(item.name)) for item in sweep.inputs):
        return True
    for text in sweep.push:
        source = os.path.relpath(os.path.join(sweep.base, expand_home(text.partition(":")[0])), sweep.base)
        if text.startswith("@") or path == source or source == "." or path.startswith(f"{source}/"):
            return True
    return False


def _first_row(sweep: Sweep) -> Mapping[str, str]:
    return next(named(sweep.rows))
