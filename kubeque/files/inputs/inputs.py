"""Find the inputs of `^` words and `--push` options, compute their digests, and upload each input once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from kubeque.files.batches import Copy, in_groups
from kubeque.files.inputs.digest_cache import DigestCache
from kubeque.files.inputs.sources import Source, push_sources, row_source, word_sources
from kubeque.files.layout import input_url
from kubeque.files.parallel import INPUT_UPLOADS, QUESTIONS, in_parallel
from kubeque.files.store import Files
from kubeque.files.transfer_progress import Meter, Tell
from kubeque.files.urls import base_name
from kubeque.lazy_dataclass import dataclass
from kubeque.model.command.command import Word, brace_remedy, format_word
from kubeque.model.errors import CommandError, FileError, FileMissing
from kubeque.model.job.spec import Input
from kubeque.model.text import cut
from kubeque.model.user_paths import expand_home


class Upload(NamedTuple):
    """A file of this machine to upload to the content-addressed store."""

    path: Path
    #: SHA-256 (hex) of the contents.
    digest: str
    #: Size, bytes.
    size: int


@dataclass(frozen=True, slots=True)
class Staging:
    """The inputs of a sweep, before they are uploaded."""

    #: Inputs that every task gets.
    inputs: tuple[Input, ...] = ()
    #: Inputs that depend on the row, by the `^` word with the values of the row.
    row_inputs: Mapping[str, Input] = field(default_factory=dict)
    #: Files to upload, one for each digest.
    uploads: tuple[Upload, ...] = ()


@dataclass(slots=True)
class _RowSources:
    """The input files that depend on the row."""

    #: The files, by the `^` word with the values of the row.
    found: dict[str, Source] = field(default_factory=dict)
    #: Pairs of such words of one row, if both name different paths but have the same name in the working directory.
    rivals: set[tuple[str, str]] = field(default_factory=set)


def find_inputs(
    words: Sequence[Word],
    pushes: Sequence[str],
    rows: Iterable[Mapping[str, str]],
    *,
    base: Path,
    cas_prefix: str,
    digests: DigestCache,
    files: Files,
    roots: Sequence[str] = (),
    shell: bool = False,
) -> Staging:
    """Return the inputs of a sweep: those of its `^` words, and those of its pushes (`src[:dst]`, `@list`, folders).

    `rows`: rows of the sweep, read only if a `^` word has placeholders. `base`: folder against which relative paths are
    resolved. `cas_prefix`: URL of the content-addressed store. `roots`: folders at the beginning of the user's file
    patterns (see `row_source`). `shell`: True if the words are the text of a shell command.

    Raises CommandError with the word, the path and the remedy. Raises StorageError if a store does not answer.
    """
    base = Path(os.path.abspath(expand_home(base)))
    common: list[Source] = []
    for at, word in enumerate(words):
        if word.upload and not word.columns:
            with _explain_text(word, shell=shell):
                common += word_sources(word, base, first=at == 0)
    for text in pushes:
        common += push_sources(text, base)
    by_row = _find_for_rows(words, rows, base, roots, shell=shell)
    made = _make_inputs([*common, *by_row.found.values()], cas_prefix, digests, files)
    inputs = _settle(common, made)
    _check_rows(by_row, inputs, made)
    uploads = {i.digest: Upload(source.path, i.digest, i.size) for source, i in made.items() if source.path}
    return Staging(
        tuple(made[source] for source in inputs.values()),
        {text: made[source] for text, source in by_row.found.items()},
        tuple(uploads.values()),
    )


@contextmanager
def _explain_text(word: Word, *, shell: bool) -> Iterator[None]:
    """Add the form of the word as text to a CommandError of the `with` block. `shell`: see `find_inputs`."""
    try:
        yield
    except CommandError as error:
        if not shell:
            raise
        text = cut(format_word(word), 60)
        raise CommandError(
            f"{error}; if {text} is text, put it in single quotes in the shell command, or write \\{text}"
        ) from error


def _find_for_rows(
    words: Sequence[Word], rows: Iterable[Mapping[str, str]], base: Path, roots: Sequence[str], *, shell: bool
) -> _RowSources:
    by_row = _RowSources()
    varying = [(at, word) for at, word in enumerate(words) if word.upload and word.columns]
    for _, word in varying:
        if format_word(word).endswith("/"):
            raise CommandError(
                f"the word {format_word(word)!r}: a folder cannot depend on the row: push it with all rows' files"
            )
    checked: set[tuple[int, str]] = set()
    for index, row in enumerate(rows if varying else ()):
        row = row if "index" in row else {**row, "index": str(index)}
        texts = [word.render(row) for _, word in varying]
        for (at, word), text in zip(varying, texts, strict=True):
            # Check each word separately: two words with the same path may allow different folders.
            if (at, text) not in checked:
                checked.add((at, text))
                with _explain_text(word, shell=shell):
                    source = row_source(word, row, base, first=at == 0, roots=roots)
                by_row.found.setdefault(text, source)
        for one, other in itertools.combinations(texts, 2):
            if one != other and by_row.found[one].name == by_row.found[other].name:
                by_row.rivals.add((one, other))
    return by_row


def _make_inputs(sources: Sequence[Source], cas_prefix: str, digests: DigestCache, files: Files) -> dict[Source, Input]:
    with _unreadable_inputs("; give inputs that this user can read, and that no program deletes"):
        known = digests.sha256_many(dict.fromkeys(source.path for source in sources if source.path))

    def make(source: Source) -> Input:
        if source.path is None:
            return _look(source, files)
        if _size(source) != source.size:
            raise CommandError(f"{source.said}: {source.path} is being written: submit when the file is complete")
        digest = known[source.path]
        return Input(source.name, input_url(cas_prefix, digest), digest, source.size, source.executable)

    distinct = list(dict.fromkeys(sources))
    elsewhere = [source for source in distinct if source.path is None]
    looked = dict(zip(elsewhere, in_parallel(make, elsewhere, threads=QUESTIONS), strict=True))
    return {source: looked[source] if source in looked else make(source) for source in distinct}


@contextmanager
def _unreadable_inputs(remedy: str = "") -> Iterator[None]:
    """Convert a FileError in the `with` block to CommandError, because the user gave an input that cannot be read."""
    try:
        yield
    except FileError as error:
        raise CommandError(f"{error}{remedy}") from error


def _size(source: Source) -> int:
    try:
        return os.path.getsize(str(source.path))
    except OSError as error:
        raise CommandError(f"{source.said}: cannot read {str(source.path)!r}: {error.strerror}") from error


def _look(source: Source, files: Files) -> Input:
    """Return the input for an object of a store, with the generation of its present contents. Raises CommandError."""
    try:
        look = files.look(source.url)
    except FileMissing as error:
        raise CommandError(f"{source.said}: {error}{brace_remedy(base_name(source.url))}") from error
    if look.folder:
        raise CommandError(f"{source.said}: {source.url} is a folder of a store: give the URL of each file")
    return Input(source.name, source.url, "", look.size or 0, source.executable, look.generation)


def _settle(common: Sequence[Source], made: Mapping[Source, Input]) -> dict[str, Source]:
    """Return one source for each name in the working directory. `common`: sources for every task.

    Raises CommandError if two sources with the same name differ, or if a name is both a file and a folder.
    """
    taken: dict[str, Source] = {}
    for source in common:
        other = taken.setdefault(source.name, source)
        if not _same(made[source], made[other]):
            raise _clash(source.name, other, source)
        if source.executable:
            taken[source.name] = source
    for name, source in taken.items():
        for parent in PurePosixPath(name).parents:
            if str(parent) in taken:
                raise _clash(str(parent), taken[str(parent)], source)
    return taken


def _check_rows(by_row: _RowSources, inputs: Mapping[str, Source], made: Mapping[Source, Input]) -> None:
    """Raise CommandError if a task would get two different files, or a file and a folder, with the same name.

    `inputs`: sources for every task, by name. `made`: input of each source.
    """
    folders = {str(parent): inputs[name] for name in inputs for parent in PurePosixPath(name).parents}
    for source in by_row.found.values():
        if source.name in folders:
            raise _clash(source.name, folders[source.name], source)
        other = inputs.get(source.name)
        if other and not _same(made[source], made[other]):
            raise _clash(source.name, other, source)
    for one, another in by_row.rivals:
        first, second = by_row.found[one], by_row.found[another]
        if not _same(made[first], made[second]):
            raise _clash(first.name, first, second)


def _same(one: Input, other: Input) -> bool:
    return (one.digest, one.url) == (other.digest, other.url)


def _clash(name: str, one: Source, other: Source) -> CommandError:
    first, second = one.path or one.url, other.path or other.url
    return CommandError(
        f"two inputs are called {name!r} in the working directory: {first} ({one.said}) and {second} ({other.said}); "
        "rename one file, or push one file under another name, for example src:dst"
    )


def push(staging: Staging, cas_prefix: str, files: Files, *, progress: Tell | None = None) -> int:
    """Upload the files that are not in the content-addressed store at `cas_prefix`. Return their total size in bytes.

    `progress`: function that gets the numbers of uploaded files and bytes, and the totals, as a `Transfer`. Raises
    CommandError for a file that cannot be read or that changes meanwhile. Raises StorageError if the store does not
    answer.
    """
    if not staging.uploads:
        return 0
    there = files.existing(cas_prefix, [upload.digest for upload in staging.uploads])
    missing = [upload for upload in staging.uploads if upload.digest not in there]
    size = sum(upload.size for upload in missing)
    meter = Meter(len(missing), size, progress)

    def send(group: list[Upload]) -> int:
        copies = [Copy(str(item.path), input_url(cas_prefix, item.digest), item.size, item.digest) for item in group]
        with _unreadable_inputs():
            for error in filter(None, files.upload_many(copies, progress=meter.moved)):
                raise error
        return len(group)

    groups = in_groups(missing, lambda upload: upload.size)
    for sent in in_parallel(send, groups, threads=INPUT_UPLOADS, stop=meter.stop):
        meter.done(sent)
    return size
