"""From the author's `^` words and pushes to inputs: found, digested, and uploaded once each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubeque.files.digests import DigestCache
from kubeque.files.parallel import in_parallel
from kubeque.files.paths import safe_name
from kubeque.files.store import Files
from kubeque.files.urls import is_folder, join
from kubeque.model.command import Word
from kubeque.model.errors import CommandError, StorageError
from kubeque.model.spec import Input

_THREADS = 8


@dataclass
class Staging:
    """The inputs of a sweep, before they are uploaded."""

    #: Files that every task gets; url and digest are filled by `push`.
    inputs: tuple[Input, ...] = ()
    #: Files that depend on the row, by the word as rendered for it.
    row_inputs: Mapping[str, Input] = field(default_factory=dict)
    #: Where the bytes of each digest are on this machine.
    sources: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class _Found:
    """One file of this machine, or one object elsewhere, and the name it shall have."""

    #: What the author wrote, for messages.
    word: str
    name: str
    #: None for an object elsewhere.
    path: Path | None
    url: str = ""


def find_inputs(
    words: Sequence[Word],
    pushes: Sequence[str],
    rows: Iterable[Mapping[str, str]],
    *,
    base: Path,
    digests: DigestCache,
    files: Files,
    cas_prefix: str = "",
) -> Staging:
    """The inputs that `^` words and `pushes` name; relative paths start at `base`.

    `rows` is iterated only if a `^` word has placeholders. Raises CommandError naming word, path and remedy.
    """
    uploads = [word for word in words if word.upload]
    common = [_find(word.render({}), base) for word in uploads if not word.columns]
    for text in pushes:
        common += _pushed(text, base)
    varying: dict[str, _Found] = {}
    if any(word.columns for word in uploads):
        for row in rows:
            for word in uploads:
                if word.columns and (path := word.render(row)) not in varying:
                    varying[path] = _find(_below(word, path, row, base), base)
    _check_names(common, varying.values())
    known = digests.sha256_many([f.path for f in [*common, *varying.values()] if f.path is not None])
    staging = Staging(sources={digest: path for path, digest in known.items()})
    staging.inputs = tuple({f.name: _input(f, known, files, cas_prefix) for f in common}.values())
    staging.row_inputs = {path: _input(f, known, files, cas_prefix) for path, f in varying.items()}
    return staging


def push(staging: Staging, cas_prefix: str, files: Files, *, progress: Callable[[int], None] | None = None) -> int:
    """Upload what the content-addressed store at `cas_prefix` does not have yet; returns the bytes sent."""
    there = files.existing(cas_prefix, staging.sources)
    missing = [(digest, path) for digest, path in staging.sources.items() if digest not in there]

    def send(item: tuple[str, Path]) -> int:
        digest, path = item
        files.upload(path, join(cas_prefix, digest), digest=digest, progress=progress)
        return os.path.getsize(path)

    return sum(in_parallel(send, missing, threads=_THREADS))


def _find(text: str, base: Path) -> _Found:
    """The file that a `^` word names."""
    name = os.path.basename(text.rstrip("/"))
    if not is_folder(text):
        return _Found(f"^{text}", name, None, text)
    return _Found(f"^{text}", name, _readable(base / Path(text).expanduser(), f"^{text}", base))


def _readable(path: Path, word: str, base: Path) -> Path:
    try:
        with open(path, "rb"):
            return path
    except FileNotFoundError:
        raise CommandError(f"the input {word}: there is no file {path}; relative paths start at {base}") from None
    except IsADirectoryError:
        raise CommandError(f"the input {word}: {path} is a folder; bring a folder with -u {path}") from None
    except (OSError, ValueError) as error:
        raise CommandError(f"the input {word}: {path} cannot be read: {error}") from error


def _below(word: Word, path: str, row: Mapping[str, str], base: Path) -> str:
    """The word as rendered, if the row's values keep it below the word's fixed folder."""
    fixed = os.path.dirname(word.prefix)
    where = f"row {row.get('index', '?')}, {', '.join(f'{c}={row[c][:60]!r}' for c in dict.fromkeys(word.columns))}"
    parts = path[len(fixed) :].split("/")
    escaped = ".." in parts or (not word.prefix and path.startswith("/"))
    if not escaped and is_folder(path) and is_folder(fixed or "."):
        root = os.path.realpath(base / Path(fixed).expanduser())
        escaped = os.path.commonpath([root, os.path.realpath(base / Path(path).expanduser())]) != root
    if escaped or (not is_folder(path) and is_folder(word.prefix)):
        raise CommandError(
            f"the input ^{path[:80]} of {where} leads out of {fixed or 'the folder'}: name files below it"
        )
    return path


def _pushed(text: str, base: Path) -> Iterator[_Found]:
    """The files of one push: `src[:dst]`, a folder, or `@list`."""
    if text.startswith("@"):
        source = _readable(base / text[1:], text, base)
        for line in source.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield from _pushed(line.strip(), base)
        return
    source_text, colon, target = text.rpartition(":") if ":" in text and "://" not in text else (text, "", "")
    if not colon:
        source_text, target = text, ""
    path = base / Path(source_text).expanduser()
    name = target or os.path.basename(source_text.rstrip("/"))
    if "://" in source_text:
        yield _Found(text, name, None, source_text)
    elif path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink()):
            yield _Found(text, f"{name}/{file.relative_to(path).as_posix()}", file)
    else:
        yield _Found(text, name, _readable(path, text, base))


def _check_names(common: Sequence[_Found], varying: Iterable[_Found]) -> None:
    """Two inputs of one name would overwrite each other in the working directory."""
    taken: dict[str, _Found] = {}
    for found in [*common, *varying]:
        try:
            safe_name(found.name)
        except StorageError as error:
            raise CommandError(f"the input {found.word} cannot be named {found.name!r}: {error}") from error
    for found in common:
        other = taken.setdefault(found.name, found)
        if (other.path, other.url) != (found.path, found.url):
            raise CommandError(
                f"two inputs are called {found.name}: {other.word} and {found.word};"
                " rename one, or push it as SRC:OTHER-NAME"
            )


def _input(found: _Found, known: Mapping[Path, str], files: Files, cas_prefix: str) -> Input:
    if found.path is None:
        try:
            look = files.look(found.url)
        except StorageError as error:
            raise CommandError(f"the input {found.word}: {error}") from error
        return Input(found.name, found.url, "", look.size or 0, generation=look.generation)
    digest, status = known[found.path], os.stat(found.path)
    return Input(found.name, join(cas_prefix, digest), digest, status.st_size, bool(status.st_mode & 0o111))
