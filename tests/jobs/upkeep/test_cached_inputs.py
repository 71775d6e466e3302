"""Cached copies of inputs on this machine: which are deleted with a job and by `gc`, and which stay."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.clusters.slot import FLEET, Slot
from kubeque.consumer.attempt.input_cache import InputCache
from kubeque.files.inputs.cache_folder import digest_of, key_of
from kubeque.jobs.submission.submit import submit
from kubeque.jobs.upkeep.gc import clear_away
from kubeque.jobs.upkeep.remove import remove
from kubeque.jobs.upkeep.space.cached_inputs import free_cached
from kubeque.jobs.upkeep.space.garbage import Garbage
from kubeque.model.job.spec import Input
from kubeque.model.sweep.sweep import Sweep
from kubeque.queues.open import open_queue
from tests.jobs.sweeps import IdleCluster
from tests.mounting import bind, private_mounts

DAY = 86_400.0
DEAD = '{"owner": "local:here:1:1", "pid": 1, "start": "1"}'


class Caches:
    """The caches of a home folder. Jobs are submitted without consumers."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.home = client.config.home
        self.backends = replace(client._backends, cluster=IdleCluster(self.home, client.config.queue_url))
        self.folder = folder

    def submit(self, name: str, *contents: str) -> list[Input]:
        """Submit a job with an input for each of `contents`. Return the inputs."""
        for text in contents:
            (self.folder / text).write_text(text)
        sweep = Sweep(["cat", *(f"^{text}" for text in contents)], name=name, base=self.folder)
        return list(self.backends.spec(submit(self.backends, sweep).job).inputs)

    def keep(self, slot: str, item: Input, *, days: float = 0.0, suffix: str = "") -> Path:
        """Put a copy of an input into the cache of a slot, or into that of replays. `days`: time since its last use."""
        cache = self.home / slot if slot == "replay-cache" else self.home / "work" / slot / "cache"
        path = cache / "incoming" / f"{key_of(item)}{suffix}" if suffix else cache / key_of(item)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"0" * 5000)
        os.utime(path, (time.time() - days * DAY, 946_684_800))
        return path

    def free(self, number: int) -> Slot:
        """Write the file of a slot whose consumer is dead."""
        slot = Slot(self.home / FLEET, number)
        slot.path.parent.mkdir(parents=True, exist_ok=True)
        slot.path.write_text(DEAD)
        return slot

    def collect(self, *, at_once: bool = False) -> Garbage:
        return clear_away(self.backends, really=True, now=time.time(), at_once=at_once)


@pytest.fixture
def caches(client: Client, tmp_path: Path) -> Caches:
    return Caches(client, tmp_path)


def test_remove_deletes_the_copies_of_its_inputs_that_no_other_job_needs(caches: Caches) -> None:
    # Given two jobs that share an input, copies in several caches, one of them of a consumer that runs
    shared, own = caches.submit("first", "shared", "own")
    caches.submit("second", "shared")
    caches.free(0)
    copies = [caches.keep(slot, own) for slot in ("0", "1", "0a1b2c3d-0", "replay-cache")]
    stays = [caches.keep("0", shared), caches.keep("0", Input("x", "gs://b/x", "", 1, generation="7"))]
    # and a part of a download: in the free slot nobody finishes it
    left, running = caches.keep("0", own, suffix=".0123abcd"), caches.keep("1", own, suffix=".0123abcd")

    remove(caches.backends, "first")

    assert [path.exists() for path in copies] == [False] * 4
    assert [path.exists() for path in (*stays, left, running)] == [True, True, False, True]
    remove(caches.backends, "second")
    assert [path.exists() for path in stays] == [False, True]


def test_gc_deletes_copies_that_were_not_used_for_a_day_and_others_at_once_if_asked(caches: Caches) -> None:
    needed, other = caches.submit("job", "needed", "other")
    old = caches.keep("0", replace(other, digest="a" * 64), days=1.1)
    young = caches.keep("0", replace(other, digest="b" * 64))
    used = [caches.keep("0", needed, days=2), caches.keep("0", other)]

    found = caches.collect()
    assert [(piece.kind, piece.name, piece.bytes) for piece in found.pieces] == [("cached input", str(old), 5000)]
    assert (found.young, found.young_bytes) == (1, 5000)
    assert (old.exists(), young.exists()) == (False, True)
    assert [piece.name for piece in caches.collect(at_once=True).pieces] == [str(young)]
    assert all(path.exists() for path in used)


def test_files_behind_links_and_mounts_stay(caches: Caches, tmp_path: Path) -> None:
    (own,) = caches.submit("job", "own")
    with private_mounts():
        precious = tmp_path / "precious"
        (precious / "cache").mkdir(parents=True)
        kept = precious / "cache" / key_of(own)
        kept.write_text("precious")
        bind(precious / "cache", caches.home / "work" / "0" / "cache")
        bind(precious, caches.home / "work" / "1")
        (caches.home / "work" / "2").mkdir()
        (caches.home / "work" / "2" / "cache").symlink_to(precious / "cache")
        (caches.home / "work" / "3").symlink_to(precious)
        remove(caches.backends, "job")
        caches.collect(at_once=True)
        assert kept.read_text() == "precious"


def test_a_work_folder_on_another_disk_is_cleared(caches: Caches, tmp_path: Path) -> None:
    (own,) = caches.submit("job", "own")
    (tmp_path / "disk").mkdir()
    (caches.home / "work").symlink_to(tmp_path / "disk")
    copy = caches.keep("0", own)
    remove(caches.backends, "job")
    assert not copy.exists()


def test_a_consumer_fetches_a_copy_again_that_was_deleted_while_it_ran(caches: Caches, tmp_path: Path) -> None:
    (own,) = caches.submit("job", "own")
    cache = InputCache(caches.home / "work" / "0" / "cache", caches.backends.files, 1 << 20)
    cache.fetch([own])
    free_cached(replace(caches.backends, queue=open_queue("memory:")), {digest_of(own)})
    assert not (caches.home / "work" / "0" / "cache" / key_of(own)).exists()
    cache.place(own, tmp_path / "target")
    assert (tmp_path / "target").read_text() == "own"
