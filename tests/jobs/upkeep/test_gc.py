"""Garbage collection deletes only unused files, in a folder and in object stores."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from platform import node

import pytest

from kubeque.client import Client
from kubeque.files.layout import owner_url, uid_of
from kubeque.jobs.backends import Backends
from kubeque.jobs.submission.like import like
from kubeque.jobs.submission.submit import Existing, submit
from kubeque.jobs.upkeep.gc import clear_away
from kubeque.jobs.upkeep.gc_lock import Clearing, wait_until_cleared
from kubeque.jobs.upkeep.owner import is_ours, queue_id
from kubeque.jobs.upkeep.remove import remove
from kubeque.jobs.upkeep.space.garbage import Garbage
from kubeque.jobs.upkeep.space.late_results import find_late_results
from kubeque.model.config.config import Config
from kubeque.model.errors import UserError
from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import new_uid
from kubeque.model.job.job_state import Closing
from kubeque.model.job.task import Outcome, State, TaskRecord
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep
from tests.files.conftest import maker  # noqa: F401
from tests.files.kinds import Maker
from tests.jobs.sweeps import IdleCluster
from tests.servers.here import or_skip

DAY = 86_400.0


class Store:
    """Backends with one kind of store. Tests end the tasks directly, because gc does not depend on consumers."""

    def __init__(self, backends: Backends, folder: Path) -> None:
        self.backends = backends
        self.folder = folder

    def submit(
        self, name: str, script: str, values: str = "ab", *, existing: Existing = Existing.REFUSE, **more: str
    ) -> str:
        """Submit a job over `values`, without consumers. Return its URL."""
        (self.folder / "run.sh").write_text(script)
        rows = from_records([{"n": value} for value in values])
        sweep = Sweep(["sh", "^run.sh", "{n}"], rows, name=name, base=self.folder, series="s", skip_done=True, **more)  # type: ignore[arg-type]
        return submit(self.backends, sweep, existing=existing).job.url

    def end(self, name: str, at: float) -> None:
        """End all tasks as ok, with a file of four bytes each. The job ends at the Unix time `at`."""
        job = self.backends.queue.job(name)
        for block in list(self.backends.queue.scan(job)):
            records = {index: self._result(job.url, index) for index in range(block.lo, block.hi)}
            done = replace(block, states=bytes([State.OK]) * len(block.states), records=records)
            self.backends.queue.change_block(
                block,
                lambda now, done=done: (
                    (replace(done, version=now.version), []) if State.PENDING in now.states else None
                ),
            )  # type: ignore[misc]
        closing = Closing(True, Counts(ok=job.n), at)
        self.backends.queue.update(name, lambda now: replace(now, closing=closing))

    def _result(self, url: str, index: int) -> TaskRecord:
        self.backends.files.write(f"{url}/tasks/{index}/1-x/files/out", b"four")
        return TaskRecord(1, outcome=Outcome(index, 1, Cause.OK, 0, folder="1-x", files=1, size=4, revision=1))

    def collect(self, *, really: bool, days: float = 0.0, at_once: bool = False) -> Garbage:
        return clear_away(self.backends, really=really, now=time.time() + days * DAY, at_once=at_once)

    def names(self, url: str) -> list[str]:
        return sorted(name for name, _ in self.backends.files.listing(url))

    @property
    def inputs(self) -> list[str]:
        return [name for name in self.names(self.backends.config.cas_url_prefix) if not name.startswith(".")]


@pytest.fixture(params=["folder", *(pytest.param(k, marks=pytest.mark.xdist_group(k)) for k in ("gs", "s3"))])
def store(request: pytest.FixtureRequest, maker: Callable[[str], Maker], tmp_path: Path) -> Iterator[Store]:  # noqa: F811
    with or_skip():
        place = maker(request.param)(tmp_path)
    values = {"default_url_prefix": place.at("results"), "cas_url_prefix": place.at("cas")}
    environ = {"KUBEQUE_HOME": str(tmp_path / "home")}
    config = Config.from_values(values, where="the test", folder=tmp_path, home=tmp_path, environ=environ)
    with Client(config) as client:
        backends = replace(client._backends, files=place.files, cluster=IdleCluster(tmp_path, client.config.queue_url))
        yield Store(backends, tmp_path)


def test_first_it_says_what_would_go_and_then_it_goes(store: Store) -> None:
    # Given a job past its time, one that is not, and one that is kept for ever, each with a script of its own
    old, new, kept = (
        store.submit("old", "echo old", results_ttl="3d"),
        store.submit("new", "echo new", results_ttl="30d"),
        store.submit("kept", "echo kept"),
    )
    for name in ("old", "new", "kept"):
        store.end(name, time.time())
    assert store.collect(really=False, days=2.9).pieces == []
    before = store.names(old), store.names(new), store.names(kept)

    # When somebody looks what would go
    would = store.collect(really=False, days=3.1)

    # Then nothing is deleted yet; and a real run deletes exactly the listed files
    assert [(piece.kind, piece.files) for piece in would.pieces] == [("expired", len(before[0])), ("input", 1)]
    assert would.bytes > 2 * 4 + len("echo old")
    assert (store.names(old), store.names(new), store.names(kept)) == before
    assert store.collect(really=True, days=3.1) == would
    assert (store.names(old), store.names(new), store.names(kept)) == ([], *before[1:])
    assert sorted(job.name for job in store.backends.queue.jobs()) == ["kept", "new"]
    assert len(store.inputs) == 2
    assert store.collect(really=True, days=3.1).pieces == []


def test_the_inputs_of_a_job_whose_name_begins_with_a_dot_stay(store: Store) -> None:
    # Given such a job of an earlier version, which took the name
    url = store.submit("nightly", "echo")
    store.backends.files.write(
        url.replace("/nightly/", "/.nightly/") + "/spec-1.json", store.backends.files.read(f"{url}/spec-1.json")
    )
    store.backends.files.delete_tree(url)

    assert store.collect(really=True, days=3).pieces == []
    assert len(store.inputs) == 1


def test_what_later_jobs_link_to_outlives_the_time_of_its_job(store: Store) -> None:
    old = store.submit("old", "echo", "abc", results_ttl="1d")
    store.end("old", time.time())
    store.submit("new", "echo", "cad")

    found = store.collect(really=True, days=3)

    assert found.stays == ["the results of 2 tasks stay, because later jobs link to them: new"]
    assert store.names(old) == ["job.json", "tasks/0/1-x/files/out", "tasks/2/1-x/files/out"]
    assert store.collect(really=False, days=3).pieces == []
    # And it goes with the job that links to it, of which consumers may still write
    url = store.backends.queue.job("new").url
    store.backends.queue.remove("new")
    store.backends.files.write(f"{url}/tasks/2/1-late/result.json", b"{}")
    store.collect(really=True, days=3)
    assert store.names(old) == store.names(url) == []
    assert not Path(old).parent.exists()  # also in a folder store, no empty folder stays


def test_the_folder_of_a_job_that_was_removed_before_its_end_stays_for_a_day(store: Store) -> None:
    # Given a job that is removed, and a consumer that writes a result afterwards
    url, told = store.submit("job", "echo"), list[str]()
    remove(store.backends, "job", told.append)
    store.backends.files.write(f"{url}/tasks/0/1-late/files/out", b"late")

    assert told == [
        f"the folder {url} stays, because tasks may still write into it; gc deletes it when it is a day old, and"
        " gc --now --yes deletes the results in it now"
    ]
    store.collect(really=True, days=0.9)
    assert store.names(url) == ["job.json", "tasks/0/1-late/files/out"]
    # Then the result is deleted if the user wants the space now, and the folder after a day
    found = store.collect(really=True, at_once=True)
    assert [(piece.kind, piece.name, piece.bytes) for piece in found.pieces][:1] == [("left over", url, len("late"))]
    assert store.names(url) == ["job.json"]
    store.collect(really=True, days=1.1)
    assert store.names(url) == []
    assert not Path(url).parent.exists()


def test_the_results_of_replaced_jobs_are_removed_with_the_job(store: Store) -> None:
    # Given a job that replaced two ended jobs, the second with a result to which another job links
    first = store.submit("job", "echo one")
    store.end("job", time.time())
    second = store.submit("job", "echo two", "xyz", existing=Existing.REPAIR)
    store.end("job", time.time())
    store.submit("other", "echo two", "x")
    third = store.submit("job", "echo three", "pq", existing=Existing.REPLACE)
    store.end("job", time.time())
    # and a submission of the same name that is under way
    coming = f"{third.rpartition('/')[0]}/{new_uid()}"
    store.backends.files.write(f"{coming}/job.json", store.backends.files.read(f"{third}/job.json"))
    assert store.backends.queue.job("job").replaced == ((uid_of(first), True), (uid_of(second), True))
    # When the job is removed, then only the linked result and the submission stay
    told: list[str] = []
    remove(store.backends, "job", told.append)
    assert (store.names(first), store.names(third), store.names(coming)) == ([], [], ["job.json"])
    assert store.names(second) == ["job.json", "tasks/0/1-x/files/out"]
    assert told == ["the result of 1 task stays, because later jobs link to it: other"]
    remove(store.backends, "other")
    assert store.names(second) == []


def test_the_folder_of_a_replaced_job_that_had_not_ended_stays_for_a_day(store: Store) -> None:
    first = store.submit("job", "echo one")
    store.backends.files.write(f"{first}/tasks/0/1-x/files/out", b"four")
    store.submit("job", "echo two", "xyz", existing=Existing.REPLACE)
    store.end("job", time.time())
    told: list[str] = []
    remove(store.backends, "job", told.append)
    assert store.names(first) == ["job.json"]
    assert told == [
        f"the folder {first} stays, because tasks may still write into it; gc deletes it when it is a day old, and"
        " gc --now --yes deletes the results in it now"
    ]
    store.collect(really=True, days=2)
    assert store.names(first) == []


def test_a_folder_of_another_queue_is_not_removed_as_that_of_a_replaced_job(store: Store) -> None:
    first = store.submit("job", "echo one")
    store.submit("job", "echo two", "xyz", existing=Existing.REPLACE)
    owner = json.loads(store.backends.files.read(f"{first}/job.json"))
    store.backends.files.write(f"{first}/job.json", json.dumps(owner | {"queue": "another"}).encode())
    before = store.names(first)
    remove(store.backends, "job")
    assert store.names(first) == before


def test_a_submission_under_way_and_folders_of_others_are_left_alone(store: Store) -> None:
    # Given a folder without a job, as a submission has it that uploads, and the same of another queue
    url = store.submit("job", "echo")
    store.backends.queue.remove("job")
    other = replace(store.backends, config=replace(store.backends.config, queue_url="postgresql://elsewhere/db"))
    theirs = Store(other, store.folder).submit("theirs", "echo theirs")
    store.backends.queue.remove("theirs")
    mine = store.backends.config.default_url_prefix
    store.backends.files.write(f"{mine}/notes/of/mine.txt", b"mine")

    # Then within a day nothing goes, not even the inputs; after it only what is known to be ours
    found = store.collect(really=True, days=0.9)
    assert (found.pieces, len(found.stays)) == ([], 1)
    assert found.stays[0].startswith("1 folder without a job stays for a day")
    assert found.stays[0].endswith(url)
    went = store.collect(really=True, days=1.1)
    assert [(piece.kind, piece.name) for piece in went.pieces][:1] == [("left over", url)]
    assert [piece.kind for piece in went.pieces][1:] == ["environment", "environment", "input"]
    assert store.names(url) == []
    assert store.names(theirs)
    assert len(store.inputs) == 1
    assert store.backends.files.read(f"{mine}/notes/of/mine.txt") == b"mine"


def test_at_once_young_inputs_go_but_none_of_a_submission_under_way(store: Store) -> None:
    # Given inputs of a removed job, of a job, and of a submission that is not in the queue yet
    store.submit("gone", "echo gone")
    store.submit("job", "echo job")
    url = store.submit("coming", "echo coming")
    remove(store.backends, "gone")
    store.backends.queue.remove("coming")

    found = store.collect(really=True)
    assert (found.pieces, found.young, found.young_bytes) == ([], 1, len("echo gone"))
    assert abs(found.young_until - time.time() - DAY) < DAY / 2
    assert len(store.inputs) == 3
    would, went = store.collect(really=False, at_once=True), store.collect(really=True, at_once=True)
    assert would == went
    assert ([(piece.kind, piece.bytes) for piece in went.pieces], went.young) == ([("input", len("echo gone"))], 0)
    assert len(store.inputs) == 2
    assert "spec-1.json" in store.names(url)


def test_late_results_are_only_those_of_removed_jobs_that_no_job_links_to(store: Store) -> None:
    # Given a removed job with a result to which a job links, a job that was published meanwhile, and a submission
    old, job = store.submit("old", "echo", "ab"), store.submit("job", "echo job")
    store.end("old", time.time())
    store.submit("new", "echo", "a")
    for name in ("old", "job"):
        store.backends.files.write(f"{store.backends.queue.job(name).url}/tasks/1/1-x/files/out", b"four")
    coming = store.submit("coming", "echo coming")
    for name in ("old", "coming"):
        store.backends.queue.remove(name)

    ((url, keep),) = find_late_results(store.backends, [old, job, coming]).items()

    assert url == old
    assert keep is not None
    assert [name for name in store.names(old) if keep(name)] == ["job.json", "tasks/0/1-x/files/out"]


def test_a_submission_with_stored_inputs_that_were_deleted_meanwhile_is_refused(store: Store) -> None:
    store.submit("first", "echo")
    again = like(store.backends, "first")
    remove(store.backends, "first")
    assert [piece.kind for piece in store.collect(really=True, at_once=True).pieces] == ["input"]
    with pytest.raises(UserError, match=r"the stored input 'run.sh' of the earlier job was deleted"):
        submit(store.backends, replace(again, name="second"))
    assert not store.backends.queue.list_jobs().jobs


def test_inputs_are_left_alone_where_results_of_others_cannot_be_seen(store: Store) -> None:
    url = store.submit("job", "echo")
    store.backends.queue.remove("job")
    store.backends.files.delete_tree(url)
    note = f"{store.backends.config.cas_url_prefix}/.users/x"
    store.backends.files.write(note, b"/home/somebody/else/results")

    assert "/home/somebody/else/results" in store.collect(really=True, days=2).note
    assert len(store.inputs) == 1
    store.backends.files.delete(note)
    assert [piece.kind for piece in store.collect(really=True, days=2).pieces] == ["input"]


def test_a_submission_waits_for_the_one_who_clears_away_and_then_uploads_anew(store: Store) -> None:
    # Given a garbage collection that has found an unused input
    store.submit("first", "echo")
    store.backends.files.delete_tree(store.backends.queue.job("first").url)
    store.backends.queue.remove("first")
    (digest,) = store.inputs
    made = threading.Event()

    with Clearing(store.backends) as clearing:
        with pytest.raises(UserError, match="another gc is running"), Clearing(store.backends):
            pass
        submission = threading.Thread(target=lambda: (store.submit("second", "echo"), made.set()))
        submission.start()
        assert not made.wait(2)
        clearing.check()
        store.backends.files.delete(f"{store.backends.config.cas_url_prefix}/{digest}")

    # Then the waiting submission uploads the input again
    submission.join(60)
    assert store.inputs == [digest]


def test_who_died_while_clearing_away_holds_nobody_up_for_long(store: Store) -> None:
    dead = Clearing(store.backends)
    dead._backends.files.write_new(f"{store.backends.config.cas_url_prefix}/.clearing", b"of the dead")
    waits: list[float] = []

    wait_until_cleared(store.backends, waits.append)

    assert 60 <= sum(waits) <= 70
    with Clearing(store.backends):
        pass


@pytest.mark.parametrize("marked_by", ["now", "0.2"])
def test_a_new_queue_in_the_place_of_a_lost_one_takes_nothing_of_it(tmp_path: Path, marked_by: str) -> None:
    config = Config.from_values({}, where="", folder=tmp_path, home=tmp_path, environ={"KUBEQUE_HOME": str(tmp_path)})

    def open_store() -> Store:
        client = Client(config)
        return Store(replace(client._backends, cluster=IdleCluster(tmp_path, client.config.queue_url)), tmp_path)

    # Given results of a queue that is moved away
    store = open_store()
    url = store.submit("job", "echo")
    if marked_by == "0.2":
        mark = {"job": "job", "uid": store.backends.queue.job("job").uid, "queue": queue_id(config.queue_url, node())}
        store.backends.files.write(owner_url(url), json.dumps(mark).encode())
    store.backends.close()
    (tmp_path / "queue.db").rename(tmp_path / "damaged.db")

    # When the new queue at its URL collects garbage, then the results stay
    store = open_store()
    assert store.collect(really=True, days=3).pieces == []
    assert store.names(url)
    store.backends.close()

    # And the old queue, when it is back, still knows them as its own
    (tmp_path / "damaged.db").rename(tmp_path / "queue.db")
    store = open_store()
    if marked_by == "0.2":
        store.backends.queue.delete_blocks("queue-identity")
    assert is_ours(store.backends, url)
    store.backends.queue.remove("job")
    assert ("left over", url) in [(piece.kind, piece.name) for piece in store.collect(really=True, days=3).pieces]
    store.backends.close()


def test_a_queue_is_told_from_others_by_its_address_and_an_embedded_one_by_its_machine() -> None:
    marks = [
        queue_id("sqlite:////home/ann/queue.db", "one"),
        queue_id("sqlite:////home/ann/queue.db", "two"),
        queue_id("postgresql://ann:secret@db/q", "one"),
        queue_id("postgresql://localhost/q", "one"),
        queue_id("postgresql://localhost/q", "two"),
        queue_id("datastore://project", "one"),
        queue_id("datastore://project", "one", "localhost:8081"),
        queue_id("datastore://project", "one", "localhost:8081", "a-new-queue"),
    ]
    assert len(set(marks)) == len(marks)
    assert queue_id("postgresql://ann:other@db/q", "two") == marks[2]
