from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kubeque.consumer.attempt.input_cache import InputCache, StageFailed
from kubeque.files.inputs.cache_folder import key_of
from kubeque.files.store import Files
from kubeque.model.job.spec import Input

MI = 1 << 20
Maker = Callable[..., Input]


class CountingFiles(Files):
    """The real store, with a count of the fetched files."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def download(self, url: str, path: str | os.PathLike[str], **checks: object) -> None:  # type: ignore[override]
        self.fetched.append(url)
        super().download(url, path, **checks)  # type: ignore[arg-type]


@pytest.fixture
def files() -> CountingFiles:
    return CountingFiles()


@pytest.fixture
def cache(tmp_path: Path, files: CountingFiles) -> InputCache:
    return InputCache(tmp_path / "cache", files, 100 * MI)


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as a user other than root, because root can write through a link."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.fixture
def stored(tmp_path: Path) -> Maker:
    """A file in the content-addressed store."""

    def make(data: bytes = b"hello", name: str = "in.txt", executable: bool = False) -> Input:
        digest = hashlib.sha256(data).hexdigest()
        path = tmp_path / "cas" / digest
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return Input(name, str(path), digest, len(data), executable)

    return make


@pytest.fixture
def place(tmp_path: Path, cache: InputCache) -> Callable[[Input], Path]:
    numbers = iter(range(1000))

    def put(item: Input) -> Path:
        target = tmp_path / f"work-{next(numbers)}" / item.name
        target.parent.mkdir()
        cache.fetch([item])
        cache.place(item, target)
        return target

    return put


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_input_is_fetched_once_and_placed_often(place, stored, files):
    item = stored(b"data")

    placed = [place(item) for _ in range(3)]

    assert [path.read_bytes() for path in placed] == [b"data"] * 3
    assert files.fetched == [item.url]


def test_inputs_of_equal_contents_are_one(place, stored, files):
    place(stored(b"same", "a.txt"))
    place(stored(b"same", "b.txt"))

    assert len(files.fetched) == 1


def test_the_executable_bit_is_kept(place, stored):
    data = b"#!/bin/sh\n"

    assert mode(place(stored(data, executable=True))) & 0o111
    assert not mode(place(stored(data, executable=False))) & 0o111


def test_a_small_input_is_the_tasks_own_copy(place, stored, user):
    item = stored(b"x" * MI)

    placed = place(item)
    placed.write_bytes(b"changed")

    assert place(item).read_bytes() == b"x" * MI
    assert placed.stat().st_nlink == 1


def test_a_large_input_is_a_read_only_link(place, stored, user):
    placed = place(stored(b"x" * (MI + 1), executable=True))

    assert placed.stat().st_nlink == 2
    assert mode(placed) == 0o555


def test_root_gets_a_copy_of_a_large_input(place, stored, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    placed = place(stored(b"x" * (3 * MI)))

    assert placed.stat().st_nlink == 1
    assert placed.read_bytes() == b"x" * (3 * MI)


def test_a_file_system_without_links_gets_a_copy(place, stored, user, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)

    assert place(stored(b"x" * (2 * MI))).read_bytes() == b"x" * (2 * MI)


def test_a_kernel_that_cannot_copy_is_done_without(place, stored, monkeypatch):
    def refuse(*_: object) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)

    assert place(stored(b"abc" * 1000)).read_bytes() == b"abc" * 1000


@pytest.mark.parametrize("change", ["contents", "mode"])
def test_a_program_that_writes_through_its_link_harms_nobody_after_it(place, stored, user, files, change):
    item = stored(b"x" * (2 * MI))
    placed = place(item)
    placed.chmod(0o644)
    if change == "contents":
        placed.write_bytes(b"y" * (2 * MI))
        placed.chmod(0o444)

    assert place(item).read_bytes() == b"x" * (2 * MI)
    assert len(files.fetched) == 2


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_an_input_that_is_gone_is_gone_for_good(place, stored):
    item = stored(b"data")
    os.unlink(item.url)

    with pytest.raises(StageFailed, match=r"the input 'in.txt' is gone: .*there is no such file") as raised:
        place(item)
    assert raised.value.permanent


def test_an_input_with_other_bytes_is_refused_and_not_kept(place, stored, tmp_path):
    item = stored(b"data")
    Path(item.url).write_bytes(b"dada")

    with pytest.raises(StageFailed, match=r"the input 'in.txt' could not be fetched: .*SHA-256") as raised:
        place(item)
    assert not raised.value.permanent
    assert kept(tmp_path / "cache") == set()
    assert {path.suffix for path in (tmp_path / "cache" / "incoming").iterdir()} == {".lock"}


def test_a_store_that_does_not_answer_is_worth_another_try(tmp_path, stored, place):
    item = stored(b"data")
    os.unlink(item.url)
    Path(item.url).mkdir()

    with pytest.raises(StageFailed, match="could not be fetched") as raised:
        place(item)
    assert not raised.value.permanent


def test_a_cache_that_cannot_be_written_says_so(tmp_path, files, stored):
    (tmp_path / "file").write_text("")
    cache = InputCache(tmp_path / "file" / "cache", files, MI)

    with pytest.raises(StageFailed, match=r"the input 'in.txt' cannot be kept in .*file/cache"):
        cache.fetch([stored()])


def test_a_place_that_is_taken_is_an_error_that_names_the_input(place, stored, cache):
    item = stored()

    with pytest.raises(StageFailed, match=r"'in\.txt' cannot be put into the working directory: File exists"):
        cache.place(item, place(item))
    with pytest.raises(StageFailed, match=r"'in\.txt' cannot be put into the working directory: No such file"):
        cache.place(item, Path("/no/such/folder/in.txt"))


# -- objects that the user keeps elsewhere ----------------------------------------------------------------------------


@pytest.fixture
def foreign(tmp_path: Path, files: CountingFiles) -> Maker:
    def make() -> Input:
        path = tmp_path / "theirs.csv"
        path.write_bytes(b"a,b\n")
        return Input("theirs.csv", str(path), "", 4, generation=files.look(str(path)).generation)

    return make


def test_a_foreign_object_is_cached_in_the_state_it_had(place, foreign, files):
    item = foreign()
    assert place(item).read_bytes() == b"a,b\n"
    Path(item.url).write_bytes(b"changed")

    assert place(item).read_bytes() == b"a,b\n"
    assert len(files.fetched) == 1


def test_a_foreign_object_that_has_changed_is_refused_for_good(place, foreign):
    item = foreign()
    Path(item.url).write_bytes(b"changed")

    with pytest.raises(
        StageFailed, match=r"'theirs.csv' \(.*theirs.csv\) has changed since the job was submitted"
    ) as raised:
        place(item)
    assert raised.value.permanent


def test_two_states_of_one_object_are_two_files():
    old, new = (Input("x", "gs://b/x", "", 1, generation=generation) for generation in ("1", "2"))

    assert key_of(old) != key_of(new)


# -- room -------------------------------------------------------------------------------------------------------------


def kept(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir() if path.is_file()}


def test_the_least_recently_used_go_first(tmp_path, files, stored, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    cache = InputCache(tmp_path / "cache", files, 10 * MI)
    items = [stored(bytes([n]) * (3 * MI), f"{n}.bin") for n in range(4)]
    for item in items[:3]:
        cache.fetch([item])
        cache.place(item, tmp_path / item.name)
        time.sleep(0.01)
    cache.place(items[0], tmp_path / "again")

    cache.fetch([items[3]])

    assert key_of(items[1]) not in kept(tmp_path / "cache")
    assert {key_of(items[0]), key_of(items[3])} <= kept(tmp_path / "cache")


def test_what_is_linked_or_about_to_be_stays_also_above_the_limit(tmp_path, files, stored, user):
    cache = InputCache(tmp_path / "cache", files, 4 * MI)
    linked, first, second = (stored(bytes([n]) * (3 * MI), f"{n}.bin") for n in range(3))
    cache.place(linked, tmp_path / "linked")

    cache.fetch([first, second])

    assert kept(tmp_path / "cache") == {key_of(linked), key_of(first), key_of(second)}


def test_many_small_files_stay_below_the_limit_without_a_look_at_each(tmp_path, files, stored):
    cache = InputCache(tmp_path / "cache", files, 64 * 4096)
    for n in range(200):
        cache.fetch([stored(b"%d" % n, f"{n}.txt")])

        assert len(kept(tmp_path / "cache")) <= 64


def test_what_a_killed_consumer_left_half_fetched_is_removed_one_day(tmp_path, files, stored):
    cache = InputCache(tmp_path / "cache", files, MI)
    (tmp_path / "cache" / "incoming").mkdir(parents=True)
    old, young = (tmp_path / "cache" / "incoming" / f"{n:064x}.0123abcd" for n in (1, 2))
    for path, age in ((old, 2 * 24 * 3600), (young, 60)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age, time.time() - age))

    cache.fetch([stored()])

    assert not old.exists()
    assert young.exists()


def test_consumers_that_share_a_folder_fetch_a_file_once(tmp_path, stored):
    item = stored(b"x" * MI)
    barrier = threading.Barrier(6)

    def consumer(number: int) -> int:
        files = CountingFiles()
        cache = InputCache(tmp_path / "cache", files, 100 * MI)
        barrier.wait()
        cache.place(item, tmp_path / f"target-{number}")
        return len(files.fetched)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(consumer, range(6))) == 1


def test_consumers_that_evict_each_others_files_still_get_theirs(tmp_path, stored):
    """Room for one file, four consumers that repeatedly want different ones."""
    items = [stored(bytes([n]) * 50_000, f"{n}.bin") for n in range(4)]

    def consumer(number: int) -> bool:
        cache = InputCache(tmp_path / "cache", Files(), 60_000)
        good = True
        for turn in range(50):
            item, target = items[(number + turn) % 4], tmp_path / f"{number}-{turn}"
            cache.fetch([item])
            cache.place(item, target)
            good &= hashlib.sha256(target.read_bytes()).hexdigest() == item.digest
        return good

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(consumer, range(4)))
