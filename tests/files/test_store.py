"""The contract of every kind of store."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kubeque.files.batches import Copy
from kubeque.files.live_log import Tail
from kubeque.files.store import Files
from kubeque.files.stores.piece_transfer import WHOLE_BYTES
from kubeque.model.errors import FileDamaged, FileMissing, StorageError
from tests.files.kinds import Place

NAMES = ["plain.txt", "a/b/c.txt", "with blank", "[1]*?.txt", "100%25#é&+.txt", "-rf", "~", "tail."]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_back_under_any_name(place: Place, name: str) -> None:
    place.files.write(place.at(name), b"first")
    place.files.write(place.at(name), b"second")
    assert place.files.read(place.at(name)) == b"second"
    assert list(place.files.listing(place.url)) == [(name, 6)]


def test_an_empty_file_is_a_file(place: Place) -> None:
    place.files.write(place.at("empty"), b"")
    assert place.files.read(place.at("empty")) == b""
    assert place.files.existing(place.url, ["empty"]) == {"empty"}


def test_a_missing_file_says_so_and_names_its_url(place: Place) -> None:
    place.files.write(place.at("folder", "file"), b"")
    for name in ("nowhere", "folder/nowhere", "folder/file/below"):
        with pytest.raises(FileMissing, match=place.at(name)):
            place.files.read(place.at(name))
        with pytest.raises(FileMissing, match=place.at(name)):
            place.files.look(place.at(name))


def test_the_end_of_a_file_is_read_and_where_it_begins(place: Place) -> None:
    place.files.write(place.at("long"), b"0123456789" * 1000)
    place.files.write(place.at("empty"), b"")
    assert place.files.read_tail(place.at("long"), 15) == Tail(9985, b"567890123456789")
    assert place.files.read_tail(place.at("long"), 10_000).start == 0
    assert place.files.read_tail(place.at("empty")) == Tail()
    with pytest.raises(FileMissing, match="nowhere"):
        place.files.read_tail(place.at("nowhere"))


def test_json_is_read_and_damaged_json_is_named(place: Place) -> None:
    place.files.write(place.at("good.json"), b'{"a": [1]}')
    place.files.write(place.at("bad.json"), b'{"a": [1')
    assert place.files.read_json(place.at("good.json")) == {"a": [1]}
    with pytest.raises(StorageError, match=r"bad\.json.*JSON"):
        place.files.read_json(place.at("bad.json"))


@pytest.mark.parametrize(
    "content", [b"", b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b"1" * 5000, b" " * 6001 + b"1"], ids=len
)
def test_json_that_nobody_would_write_is_damaged(place: Place, content: bytes) -> None:
    place.files.write(place.at("bad.json"), content)
    with pytest.raises(FileDamaged, match=re.escape(place.at("bad.json"))):
        place.files.read_json(place.at("bad.json"), 6000 if content[:1] == b" " else 1 << 20)


def test_a_file_is_read_up_to_its_limit_and_compared_with_its_digest(place: Place) -> None:
    place.files.write(place.at("six"), b"[1, 2]")
    assert place.files.read(place.at("six"), 6) == b"[1, 2]"
    with pytest.raises(FileDamaged, match="more than 5 bytes"):
        place.files.read(place.at("six"), 5)
    assert place.files.read_json(place.at("six"), digest=sha256(b"[1, 2]")) == [1, 2]
    with pytest.raises(FileDamaged, match="the SHA-256 is"):
        place.files.read_json(place.at("six"), digest=sha256(b"[1, 3]"))


def test_a_fifo_in_the_place_of_a_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "spec-1.json")
    with pytest.raises(FileDamaged, match="not a regular file"):
        Files().read_json(str(tmp_path / "spec-1.json"))


def test_a_reader_sees_the_old_or_the_new_file_and_never_half(place: Place) -> None:
    # Given a file of 2 MB that is being overwritten by turns
    old, new, done = b"o" * 2_000_000, b"n" * 2_000_000, threading.Event()
    url = place.at("big")
    place.files.write(url, old)

    def overwrite() -> None:
        for _ in range(5):
            place.files.write(url, new)
            place.files.write(url, old)
        done.set()

    # When somebody reads it all the while
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(overwrite)
        seen = {place.files.read(url)}
        while not done.is_set() and not writing.done():
            seen.add(place.files.read(url))
        writing.result()
    # Then it is whole each time
    assert seen <= {old, new}


def test_of_many_who_create_a_file_one_wins_and_its_bytes_stay(place: Place) -> None:
    barrier = threading.Barrier(8)

    def create(number: int) -> bool:
        barrier.wait()
        return place.files.write_new(place.at("claim"), b"%d" % number)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(8)))
    assert won.count(True) == 1
    assert place.files.read(place.at("claim")) == b"%d" % won.index(True)
    assert list(place.files.listing(place.url)) == [("claim", 1)]


@pytest.mark.parametrize("size", [0, 1000, WHOLE_BYTES, WHOLE_BYTES + 1, 2 * WHOLE_BYTES + 5])
def test_a_file_goes_up_and_comes_down_whole_and_checked(place: Place, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "source").write_bytes(data)
    pieces: list[int] = []

    place.files.upload(tmp_path / "source", place.at("up"), digest=sha256(data), progress=pieces.append)
    assert sum(pieces) == size
    place.files.download(
        place.at("up"), tmp_path / "new" / "down", digest=sha256(data), size=size, progress=pieces.append
    )
    assert sum(pieces) == 2 * size
    place.files.download(place.at("up"), tmp_path / "again", progress=pieces.append)
    assert sum(pieces) == 3 * size

    assert (tmp_path / "new" / "down").read_bytes() == data == (tmp_path / "again").read_bytes()
    assert os.listdir(tmp_path / "new") == ["down"]


@pytest.mark.parametrize("size", [10, WHOLE_BYTES + 1], ids=["small", "large"])
def test_a_file_that_changed_since_it_was_digested_is_not_uploaded(place: Place, tmp_path: Path, size: int) -> None:
    (tmp_path / "source").write_bytes(b"x" * size)
    pieces = [0]
    with pytest.raises(StorageError, match=r"source.*changed"):
        place.files.upload(tmp_path / "source", place.at("up"), digest="0" * 64, progress=pieces.append)
    assert sum(pieces) == 0
    assert list(place.files.listing(place.url)) == []


def test_a_source_that_is_not_there_is_named(place: Place, tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="nowhere"):
        place.files.upload(tmp_path / "nowhere", place.at("up"))


@pytest.mark.parametrize(
    "wrong", [{"digest": "0" * 64}, {"size": 3}, {"generation": "another"}], ids=["digest", "size", "generation"]
)
def test_a_download_that_is_not_what_was_expected_leaves_nothing(
    place: Place, tmp_path: Path, wrong: dict[str, str]
) -> None:
    place.files.write(place.at("file"), b"data")
    with pytest.raises(StorageError, match=place.at("file")):
        place.files.download(place.at("file"), tmp_path / "new" / "down", **wrong)
    assert os.listdir(tmp_path / "new") == []


def test_a_changed_object_never_takes_the_place_of_a_file(place: Place, tmp_path: Path) -> None:
    # Given an object that changes while it is read, and an earlier file at the destination
    place.files.write(place.at("file"), b"old")
    old = place.files.look(place.at("file")).generation
    path = tmp_path / "new" / "down"
    path.parent.mkdir()
    path.write_bytes(b"earlier")
    seen: list[bytes] = []

    def change(size: int) -> None:
        place.files.write(place.at("file"), b"other")
        seen.append(path.read_bytes())

    with pytest.raises(FileDamaged, match="has changed since the job was submitted"):
        place.files.download(place.at("file"), path, generation=old, progress=change)
    assert seen
    assert path.read_bytes() == b"earlier"
    assert os.listdir(path.parent) == ["down"]


@pytest.mark.parametrize("said", [WHOLE_BYTES + 1, 3 * WHOLE_BYTES], ids=["longer", "shorter"])
def test_a_large_file_of_another_size_than_said_is_damaged(place: Place, tmp_path: Path, said: int) -> None:
    (tmp_path / "source").write_bytes(os.urandom(2 * WHOLE_BYTES))
    place.files.upload(tmp_path / "source", place.at("file"))
    with pytest.raises(FileDamaged, match=f"has {2 * WHOLE_BYTES} bytes, not {said}"):
        place.files.download(place.at("file"), tmp_path / "new" / "down", size=said)
    assert os.listdir(tmp_path / "new") == []


#: Sizes of a file, and the size that was announced.
GROWN = [(1, 0), (11, 10), (4 << 20, 10), (WHOLE_BYTES + 5, 10), (3 * WHOLE_BYTES, WHOLE_BYTES), (3 * WHOLE_BYTES, 0)]


@pytest.mark.parametrize(("size", "said"), GROWN)
@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
def test_a_download_stops_at_the_announced_size_and_one_byte(
    place: Place, tmp_path: Path, size: int, said: int, together: bool
) -> None:
    # Given two small results, of which a task program has replaced one by a larger file
    place.files.write(place.at("good"), b"x" * said)
    (tmp_path / "source").write_bytes(b"x" * size)
    place.files.upload(tmp_path / "source", place.at("grown"))
    moved: list[int] = []
    folder, digest = tmp_path / "down", sha256(b"x" * said)

    # When they are downloaded
    copies = [Copy(str(folder / name), place.at(name), said, digest) for name in ("grown", "good")]
    if together:
        error, none = place.files.download_many(copies, progress=moved.append)
        assert none is None
        assert (folder / "good").read_bytes() == b"x" * said
    else:
        (error,) = place.files.download_many(copies[:1], progress=moved.append)

    # Then the replaced file is damaged, at most one byte more than its size came, and the other file came
    assert isinstance(error, FileDamaged)
    assert re.search(rf"grown: the file has (more than {said} bytes|{size} bytes, not {said}) and", str(error))
    if not place.url.startswith("memory:"):
        assert sum(moved) <= said + 1 + (said if together else 0)
    assert sorted(os.listdir(folder)) == (["good"] if together else [])


def test_each_read_has_a_limit(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubeque.files.store.Files.read.__defaults__", (10,))
    place.files.write(place.at("large"), b"x" * 11)
    with pytest.raises(FileDamaged, match="more than 10 bytes"):
        place.files.read(place.at("large"))


def test_levels_of_json_are_bounded_without_a_digest(place: Place) -> None:
    deep = b"[" * 65 + b"]" * 65
    place.files.write(place.at("deep.json"), deep)
    place.files.write(place.at("wide.json"), b"[" + b"[]," * 1000 + b'{"a":' * 62 + b"1" + b"}" * 62 + b"]")
    with pytest.raises(FileDamaged, match=r"deep\.json.*more than 64 levels"):
        place.files.read_json(place.at("deep.json"))
    assert len(place.files.read_json(place.at("wide.json"))) == 1001
    assert place.files.read_json(place.at("deep.json"), digest=sha256(deep))


@pytest.mark.parametrize("read", ["read", "read_tail", "download"])
def test_a_fifo_or_a_device_is_not_read(tmp_path: Path, read: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("fifo", "zero"):
        more = [tmp_path / "copy"] if read == "download" else []
        with pytest.raises(FileDamaged, match=f"{name}: it is not a regular file"):
            getattr(Files(), read)(str(tmp_path / name), *more)


def test_a_missing_file_is_not_downloaded_and_what_was_there_stays(place: Place, tmp_path: Path) -> None:
    (tmp_path / "down").write_bytes(b"old")
    with pytest.raises(FileMissing):
        place.files.download(place.at("nowhere"), tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == b"old"


def test_a_download_to_a_place_that_cannot_be_written_names_it(place: Place, tmp_path: Path) -> None:
    place.files.write(place.at("x"), b"data")
    (tmp_path / "regular").write_bytes(b"")
    with pytest.raises(StorageError, match="regular/down"):
        place.files.download(place.at("x"), tmp_path / "regular" / "down")


def test_the_generation_changes_with_the_file_and_only_then(place: Place, tmp_path: Path) -> None:
    place.files.write(place.at("file"), b"one")
    first = place.files.look(place.at("file"))
    assert (first.size, first.folder) == (3, False)
    assert place.files.look(place.at("file")) == first
    place.files.download(place.at("file"), tmp_path / "down", generation=first.generation)

    place.files.write(place.at("file"), b"two")
    assert place.files.look(place.at("file")).generation != first.generation


def test_a_folder_looks_like_one(place: Place) -> None:
    place.files.write(place.at("folder", "file"), b"")
    assert place.files.look(place.at("folder")).folder


def test_many_names_are_looked_for_at_once_and_folders_are_no_files(place: Place) -> None:
    for number in range(0, 200, 10):
        place.files.write(place.at(f"{number:03}"), b"")
    place.files.write(place.at("folder", "file"), b"")
    there = place.files.existing(place.url, [*(f"{number:03}" for number in range(200)), "folder", "folder/file"])
    assert there == {*(f"{number:03}" for number in range(0, 200, 10)), "folder/file"}


def test_a_listing_tells_of_its_own_folder_only(place: Place) -> None:
    for name in ("in/a", "in/b/c", "inner/d", "in.txt", "e"):
        place.files.write(place.at(name), name.encode())
    assert sorted(place.files.listing(place.at("in"))) == [("a", 4), ("b/c", 6)]
    assert list(place.files.listing(place.at("nowhere"))) == []


def test_deleting_takes_the_tree_and_nothing_beside_it(place: Place) -> None:
    for name in NAMES:
        place.files.write(place.at("tree", name), b"")
        place.files.write(place.at("tree2", name), b"")
    place.files.delete_tree(place.at("tree"))
    place.files.delete_tree(place.at("nowhere"))
    assert list(place.files.listing(place.at("tree"))) == []
    assert sorted(name for name, _ in place.files.listing(place.url)) == sorted(f"tree2/{name}" for name in NAMES)


def test_one_file_is_deleted_twice_without_complaint(place: Place) -> None:
    place.files.write(place.at("file"), b"")
    place.files.delete(place.at("file"))
    place.files.delete(place.at("file"))
    assert place.files.existing(place.url, ["file"]) == set()


def test_a_place_that_can_be_written_is_checked_without_a_trace(place: Place) -> None:
    place.files.check_writable(place.url)
    assert list(place.files.listing(place.url)) == []


def test_a_place_that_cannot_be_written_is_told_before_anything_is_submitted(place: Place) -> None:
    with pytest.raises(StorageError) as refused:
        place.files.check_writable(place.unwritable)
    message = str(refused.value)
    assert place.unwritable in message
    assert "choose" in message
    assert "\n" not in message


def test_writing_where_nothing_can_be_written_is_no_missing_file(place: Place, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"data")
    for write in (
        lambda: place.files.write(f"{place.unwritable}/x", b""),
        lambda: place.files.write_new(f"{place.unwritable}/x", b""),
        lambda: place.files.upload(tmp_path / "source", f"{place.unwritable}/x"),
    ):
        with pytest.raises(StorageError, match="cannot write") as refused:
            write()
        assert not isinstance(refused.value, FileMissing)


def test_a_folder_is_looked_into_without_what_lies_deeper(place: Place) -> None:
    before = time.time()
    for name in ("b.txt", "a/1", "a/2/3", "with blank/x"):
        place.files.write(place.at("in", name), b"four")

    found = place.files.entries(place.at("in"))

    assert [(e.name, e.size, e.folder) for e in found] == [("a", 0, True), ("b.txt", 4, False), ("with blank", 0, True)]
    assert before - 5 < (found[1].modified or 0) < time.time() + 5
    assert place.files.entries(place.at("nowhere")) == []


def test_of_a_tree_is_removed_what_is_not_to_be_kept(place: Place) -> None:
    for name in ("tasks/1/a", "tasks/1/b*c", "tasks/11/a", "spec.json"):
        place.files.write(place.at("job", name), b"x")

    place.files.delete_tree(place.at("job"), keep=lambda name: name.startswith("tasks/1/"))

    assert sorted(name for name, _ in place.files.listing(place.at("job"))) == ["tasks/1/a", "tasks/1/b*c"]
    assert [e.name for e in place.files.entries(place.at("job", "tasks"))] == ["1"]
