"""Find and check the files, folders and objects of `^` words and `--push` options. Their contents are not read."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kubeque.files.safe_paths import inside, safe_name
from kubeque.files.urls import base_name, is_folder, local_path
from kubeque.lazy_dataclass import dataclass
from kubeque.model.command.command import Word, brace_remedy, format_word
from kubeque.model.errors import CommandError, StorageError
from kubeque.model.text import cut
from kubeque.model.user_paths import expand_home, read_text_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """A file of this machine, or an object of a store, that is an input of tasks."""

    #: Description of the `^` word or push that names the file, for messages.
    said: str
    #: Path in the working directory of the task.
    name: str
    #: Path on this machine; None for an object of a store.
    path: Path | None
    #: URL of the object; empty for a file of this machine.
    url: str = ""
    #: Size of the file when it was found, bytes; 0 for an object of a store.
    size: int = 0
    #: True if tasks may execute the file.
    executable: bool = False


def word_sources(word: Word, base: Path, *, first: bool) -> Iterator[Source]:
    """Yield the file of a `^` word without placeholders. If the word ends with a slash, yield all files of this folder.

    `base`: folder against which relative paths are resolved. `first`: True for the first word of the command: the
    program, whose file becomes executable. Raises CommandError.
    """
    text, said = word.render({}), f"the word {format_word(word)!r}"
    if base_name(text) in ("", ".", ".."):
        raise CommandError(
            f"{said}: this path does not name the folder: write -u {text}:name, and use name in the command"
        )
    name = _checked(base_name(text), said)
    if text.endswith("/"):
        yield from _tree(said, name, locate(text, base, said), base)
    else:
        yield file_source(text, name, base, said, executable=first)


def push_sources(text: str, base: Path) -> Iterator[Source]:
    """Yield the files of one push: `src[:dst]`, or `@list`, a file with one push in each line. Raises CommandError.

    If `src` is a folder, yield all files below it. `base`: folder against which relative paths are resolved.
    """
    for said, push in _read_list(text, base):
        yield from _one_push(push, base, said)


def _read_list(text: str, base: Path) -> Iterator[tuple[str, str]]:
    """Yield each push of the file if `text` is `@list`; otherwise yield `text` itself. Raises CommandError.

    Each push is yielded as a pair: its description for messages, and the push.
    """
    if not text.startswith("@"):
        yield f"the push {text!r}", text
        return
    path = locate(text[1:], base, f"the push {text!r}")
    try:
        lines = read_text_file(path).splitlines()
    except (OSError, ValueError) as error:
        raise _unreadable(f"the push {text!r}", path, base, error) from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"line {number} of {path} ({cut(line.strip())!r})", line.strip()


def _one_push(text: str, base: Path, said: str) -> Iterator[Source]:
    source, target = split_push(text, base, said)
    path = locate(source, base, said) if is_folder(source) else None
    if not target and base_name(source) in ("", ".", ".."):
        raise CommandError(
            f"{said}: this path does not name the folder: give a name, for example -u {source}:name, or write"
            f" -u {source}:. for the files in it"
        )
    if path is None or not os.path.isdir(path):
        yield file_source(source, _target(base_name(source), target, said), base, said)
    elif target in (".", "./"):
        yield from _tree(said, "", path, base)
    else:
        yield from _tree(said, _target(base_name(source), target, said), path, base)


def absolute_pushes(pushes: Sequence[str], base: Path, beside: Path | None = None) -> Iterator[str]:
    """Yield the pushes with absolute paths. A push `@list` is replaced by the pushes in its file.

    `base`: folder against which relative paths are resolved. `beside`: folder of the caller's file; if a file is
    missing below `base` but exists in `beside`, the error says so. Raises CommandError, also for a file that does not
    exist.
    """
    for text in pushes:
        for said, push in _read_list(text, base):
            source, target = split_push(push, base, said)
            if is_folder(source):
                source = _absolute(source, base, said, beside)
            yield f"{source}:{target}" if target else source


def _absolute(source: str, base: Path, said: str, beside: Path | None) -> str:
    """Return the absolute path of a pushed file or folder. A slash at its end is kept. Raises CommandError."""
    path = locate(source, base, said).absolute()
    try:
        os.stat(path)
    except (OSError, ValueError) as error:
        failed = _unreadable(said, path, base.absolute(), error)
        near = locate(source, beside, said) if beside else path
        if near == path or not near.exists():
            raise failed from error
        raise CommandError(f"{failed}, but the file is beside the function: write {str(near)!r}") from error
    return f"{path}/" if source.endswith("/") else str(path)


def split_push(text: str, base: Path, said: str = "") -> tuple[str, str]:
    """Return the source and the destination of a push `src[:dst]`. The destination is "" if it is not given.

    A colon in the host of a URL, or in the name of an existing file, is not the separator. Raises CommandError if the
    separator has no text on one side. `said`: description of the push, for messages.
    """
    start = len("file://") if text.startswith("file://") else 0
    if not is_folder(text):
        start = text.find("/", text.index("://") + 3)  # a host can have a port, so search after the host
    source, colon, target = text[start:].rpartition(":")
    if start < 0 or not colon or (is_folder(text) and os.path.exists(locate(text, base, said))):
        return text, ""
    if not source or not target:
        raise CommandError(f"{said or repr(text)} has no text on one side of the colon: write src or src:dst")
    return text[:start] + source, target


def _target(name: str, target: str, said: str) -> str:
    """Return the path of a pushed file or folder in the working directory. Raises CommandError.

    `name`: name of the file or folder. `target`: destination of the push; if it ends with a slash, the file or folder
    is put into this folder.
    """
    if target.endswith("/"):
        target += name
    return _checked(target.removeprefix("./") or name, said)


def _checked(name: str, said: str) -> str:
    try:
        return str(safe_name(name))
    except StorageError as error:
        raise CommandError(f"{said}: {error}") from error


def file_source(text: str, name: str, base: Path, said: str, *, executable: bool = False) -> Source:
    """Return the source for one file of this machine or one object of a store. Sends no request to the store.

    `text`: path or URL. `name`: path in the working directory of the task. Raises CommandError.
    """
    if not is_folder(text):
        return Source(said, name, None, text, executable=executable)
    path = locate(text, base, said)
    status = _status(path, base, said)
    if stat.S_ISDIR(status.st_mode):
        raise CommandError(
            f"{said}: {path} is a folder; end the path with a slash for all files in the folder{_start(path, base)}"
        )
    if not stat.S_ISREG(status.st_mode):
        raise CommandError(f"{said}: {path} is not a regular file: give a regular file")
    if not os.access(path, os.R_OK):
        raise CommandError(f"{said}: you may not read {path}{_start(path, base)}; change the permissions of the file")
    return Source(said, name, path, "", status.st_size, executable or bool(status.st_mode & 0o111))


def _status(path: Path, base: Path, said: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (OSError, ValueError) as error:
        raise _unreadable(said, path, base, error) from error


def _unreadable(said: str, path: Path, base: Path, error: Exception) -> CommandError:
    missing = isinstance(error, FileNotFoundError | NotADirectoryError)
    if missing and any(mark in path.name for mark in "*?["):
        raise CommandError(
            f"{said}: there is no file {str(path)!r}, and names of inputs are not patterns: give a file, or a folder"
            " with a slash at its end"
        ) from error
    why = "there is no such file" if missing else getattr(error, "strerror", None) or error
    remedy = brace_remedy(path.name) if missing else ""
    return CommandError(f"{said}: cannot read {str(path)!r}: {why}{_start(path, base)}{remedy}")


def _start(path: Path, base: Path) -> str:
    """Return the part of a message that names the folder of relative paths; empty if `path` is not below `base`."""
    return f" (relative paths start at {base})" if path.is_relative_to(base) else ""


def locate(text: str, base: Path, said: str) -> Path:
    """Return the path of `text` on this machine. `base`: folder against which relative paths are resolved.

    Raises CommandError if `text` is the URL of a store.
    """
    if not is_folder(text):
        raise CommandError(
            f"{said}: only a folder of this machine can be uploaded as a whole: give each file by itself"
        )
    try:
        return base / expand_home(local_path(text))
    except StorageError as error:
        raise CommandError(f"{said}: {error}") from error


def _tree(said: str, name: str, folder: Path, base: Path) -> Iterator[Source]:
    """Yield all files below a folder, in order. Raises CommandError.

    `name`: path of the folder in the working directory of the task. Links are left out, because a link may lead out of
    the folder.
    """
    if not stat.S_ISDIR(_status(folder, base, said).st_mode):
        raise CommandError(f"{said}: {folder} is not a folder; leave out the slash at the end of the path")

    def fail(error: OSError) -> None:
        raise _unreadable(said, Path(error.filename), base, error) from error

    found = False
    for at, folders, names in os.walk(folder, onerror=fail):
        folders.sort()
        below = os.path.relpath(at, folder)
        for file in [*sorted(names), *(entry for entry in folders if os.path.islink(os.path.join(at, entry)))]:
            path = os.path.join(at, file)
            if os.path.islink(path) or not os.path.isfile(path):
                log.warning("%s: %s is left out: it is a link or not a regular file", said, path)
                continue
            parts = [part for part in (name, "" if below == "." else below, file) if part]
            found = True
            yield file_source(path, _checked("/".join(parts), said), base, said)
    if not found:
        raise CommandError(f"{said}: there are no files in {folder}")


def row_source(word: Word, row: Mapping[str, str], base: Path, *, first: bool, roots: Sequence[str] = ()) -> Source:
    """Return, for one row, the file that a `^` word with placeholders names. `first`: see `word_sources`.

    With the values of each row, the path must stay below the folder that the word names before its first placeholder.
    If the word begins with `{path}`, the path must stay below the folder in `roots` that contains the file. `roots`:
    folders at the beginning of the user's file patterns.

    Raises CommandError with the row and the column.
    """
    said = f"the word {format_word(word)!r} in row {row['index']}"
    text = word.render(row)
    fixed = word.prefix[: word.prefix.rfind("/") + 1]
    if not word.prefix and word.columns[0] == "path":
        fixed = max((root for root in roots if text.startswith(root)), key=len, default="")
    try:
        if not is_folder(fixed or word.prefix):
            _check_url(word, row, fixed, text)
            return Source(said, base_name(text), None, text, executable=first)
        folder = locate(fixed or ".", base, said)
        path = inside(folder, text[len(fixed) :])
    except StorageError as error:
        raise CommandError(f"{said}: {_values(word, row)} must stay below {fixed or base}: {error}") from error
    if roots and format_word(word) == "^{name}" and not os.path.lexists(path):
        raise CommandError(
            f"{said}: there is no file {cut(text)!r} in {base}: write '^{{path}}', which uploads {cut(row['path'])} and"
            f" becomes {cut(text)} in the command"
        )
    return file_source(str(path), _checked(base_name(text), said), base, said, executable=first)


def _check_url(word: Word, row: Mapping[str, str], fixed: str, text: str) -> None:
    if not fixed.partition("://")[2].strip("/"):
        raise StorageError("the bucket or host is not written out: put it before the first placeholder")
    safe_name(text[len(fixed) :])
    # A server decodes %2e%2e to "..", and the path of a URL ends at ? or #.
    if text.startswith("http") and any(char in row[name] for name in word.columns for char in "?#%"):
        raise StorageError(
            "a value contains ?, # or %, which are reserved characters in a URL: use a value without them"
        )


def _values(word: Word, row: Mapping[str, str]) -> str:
    """Return the columns of a word that have an unusual value, with these values, as text for an error message.

    If no value is unusual, return all columns of the word.
    """
    suspects = [
        name for name in word.columns if not row[name] or set(row[name]) & set("/\\\0?#%:") or ".." in row[name]
    ]
    named: Sequence[str] = suspects or word.columns
    return " and ".join(f"column {name!r} ({cut(row[name])!r})" for name in dict.fromkeys(named))
