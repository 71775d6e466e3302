"""Rows as pages in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeque.files.layout import page_url
from kubeque.files.rows.row_pages import PageReader, write_pages
from kubeque.files.store import Files
from kubeque.model.errors import FileDamaged, FileMissing
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import read_row
from tests.files.kinds import Place

VALUES = ["plain", "", "a,b", 'q"q', "line\nbreak", "{zoom}", "^x", "é", "007"]


def test_every_row_is_read_back_as_it_was(place: Place) -> None:
    rows = from_records({"n": str(n), "value": VALUES[n % len(VALUES)]} for n in range(2500))
    digests = write_pages(rows, place.url, place.files)
    assert len(digests) == 3

    spec = rows.to_spec()
    reader = PageReader(place.url, place.files, digests)
    for index in (0, 999, 1000, 1001, 1999, 2000, 2499):
        expected = {"n": str(index), "value": VALUES[index % len(VALUES)], "index": str(index)}
        assert read_row(spec, index, reader.page) == expected


def test_the_last_two_pages_are_kept(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, files = tmp_path_factory.mktemp("job"), Files()
    rows = from_records({"n": str(n)} for n in range(2500))
    write_pages(rows, str(folder), files)
    reader = PageReader(str(folder), files)
    # Given pages 0 and 1 have been read, and 0 last
    for number in (0, 1, 0):
        reader.page(number)
    # When a third comes, the one that was not used for longest is forgotten
    reader.page(2)
    for number in range(3):
        files.delete(page_url(str(folder), number))
    assert len(reader.page(0)) == 1000
    assert len(reader.page(2)) == 500
    with pytest.raises(FileMissing, match=r"pages/1\.json"):
        reader.page(1)


@pytest.mark.parametrize("content", [b'[["1"', b"[[1]]", b"[" * 100_000, b" " * (3 << 20)], ids=len)
def test_a_damaged_page_is_named(tmp_path: Path, content: bytes) -> None:
    files, url = Files(), str(tmp_path)
    write_pages(from_records([{"n": "1"}]), url, files)
    files.write(page_url(url, 0), content)
    with pytest.raises(FileDamaged, match=page_url(url, 0)):
        PageReader(url, files).page(0)


def test_a_page_that_was_changed_is_refused_if_its_digest_is_known(place: Place) -> None:
    digests = write_pages(from_records([{"n": "1"}]), place.url, place.files)
    place.files.write(page_url(place.url, 0), b'[["2"]]')

    assert PageReader(place.url, place.files).page(0) == [("2",)]
    with pytest.raises(FileDamaged, match="the SHA-256 is"):
        PageReader(place.url, place.files, digests).page(0)
