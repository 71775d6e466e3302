"""Rows from files whose names match a pattern, in a folder and in each kind of store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubeque.files.inputs.sources import row_source
from kubeque.files.rows.matching_files import match_files
from kubeque.files.store import Files
from kubeque.model.command.command import parse_word
from kubeque.model.errors import NoRows, ParametersError
from kubeque.model.rows.parameters import roots_of
from tests.files.kinds import Place

NAMES = ("img/b.png", "img/a.tar.gz", "img/.hidden.png", "img/deep/c.png", "img/x y [1].png", "top.png")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "img" / "folder.png").mkdir()
    return tmp_path


def paths(pattern: str, base: Path) -> list[str]:
    return [row[0] for row in match_files(Files(), [pattern], base)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("img/*.png", ["img/b.png", "img/x y [1].png"]),
        ("img/**/*.png", ["img/b.png", "img/deep/c.png", "img/x y [1].png"]),
        ("./img/b.*", ["./img/b.png"]),
        ("img/.*", ["img/.hidden.png"]),
        ("img/[ab].*", ["img/a.tar.gz", "img/b.png"]),
        ("top.png", ["top.png"]),
    ],
)
def test_files_are_rows_sorted_by_path(here: Path, pattern: str, found: list[str]) -> None:
    assert paths(pattern, here) == found


def test_the_columns_are_path_name_and_stem(here: Path) -> None:
    rows = match_files(Files(), ["img/a.*", str(here / "img/b.png"), "img/*.gz"], here)

    assert rows.columns == ("path", "name", "stem")
    assert list(rows) == [("img/a.tar.gz", "a.tar.gz", "a.tar"), (str(here / "img/b.png"), "b.png", "b")]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("img/*.jpg", "'img/\\*.jpg' of files matches no file: check the pattern"),
        ("img/*.jp\n", "matches no file: check the pattern"),
        ("imgs/*.png", "matches no file: there is no folder imgs/; relative patterns start at "),
        ("img/d*", "matches no file: it matches only folders: write 'img/d\\*/\\*' for the files in them"),
        ("img", "is a folder: write 'img/\\*'"),
        ("fifo", "matches no file: fifo is not a regular file: only regular files become rows"),
        ("s3://", "does not name a bucket"),
        ("*://x/*", "matches no file"),
    ],
)
def test_a_pattern_without_files_is_refused(here: Path, pattern: str, says: str) -> None:
    os.mkfifo(here / "fifo")
    with pytest.raises((NoRows, ParametersError), match=says):
        paths(pattern, here)


def test_a_link_to_nothing_is_named(here: Path) -> None:
    (here / "img" / "z.png").symlink_to("nothing")
    with pytest.raises(ParametersError, match=r"img/z\.png is a link to a file that does not exist: remove the link"):
        paths("img/*.png", here)


def test_a_folder_that_nobody_may_read_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object, **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(NoRows, match="this user may not read the folder img/: change its permissions"):
        paths("img/*.none", here)


def test_a_name_that_is_not_text_is_named(here: Path) -> None:
    (here / os.fsdecode(b"img/\xff.jpg")).write_bytes(b"")
    with pytest.raises(ParametersError, match="is not UTF-8: rename the file"):
        paths("img/*.jpg", here)


def test_the_objects_of_a_store_are_rows(place: Place, tmp_path: Path) -> None:
    # Given objects in folders
    for name in ("raw/b.fastq", "raw/a.fastq", "raw/deep/c.fastq", "raw/.d.fastq", "raw/a.txt"):
        place.files.write(place.at(name), b"")

    # Then a pattern finds those of one folder, or of all folders
    rows = match_files(place.files, [place.at("raw/*.fastq")], tmp_path)
    assert [(row[0].removeprefix("file://"), *row[1:]) for row in rows] == [
        (place.at("raw", f"{name}.fastq").removeprefix("file://"), f"{name}.fastq", name) for name in "ab"
    ]
    assert match_files(place.files, [place.at("raw/**/*.fastq")], tmp_path).n == 3
    # And the word ^{path} is such an object
    row = dict(zip(rows.columns, next(iter(rows)), strict=True)) | {"index": "0"}
    source = row_source(parse_word("^{path}"), row, tmp_path, first=False, roots=roots_of(rows))
    assert (source.name, source.url or str(source.path)) == ("a.fastq", row["path"])
    with pytest.raises(NoRows):
        match_files(place.files, [place.at("none/*")], tmp_path)
