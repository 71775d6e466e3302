"""Real processes that are killed and frozen at random, on every backend that processes can share.

Afterwards every acknowledged outcome is recorded, each task was accepted once, and no task is lost.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from kubeque.model.errors import QueueUnavailable
from kubeque.model.job.retries import Budgets
from kubeque.model.job.task import State
from kubeque.queues.block import block_size
from kubeque.queues.integrity import Audit
from kubeque.queues.open import open_queue
from kubeque.queues.queue import Queue
from tests.queues.backend_kinds import on
from tests.queues.chaos_consumer import JOB
from tests.queues.makers import make_job, states, submit
from tests.servers.emulators import DatastoreEmulator
from tests.servers.forked import ForkServer
from tests.servers.here import or_skip
from tests.servers.postgres import PostgresServer

TASKS, CONSUMERS, LEASE_SECONDS = 2000, 8, 3.0
#: Number of times that a consumer is killed or frozen. Afterwards the survivors finish the work.
DISTURBANCES = 14
_PATIENCE_SECONDS = 270.0
#: Disturbance of a server during the run.
Upset = Callable[["Crowd"], None]


@contextmanager
def sqlite(folder: Path) -> Iterator[tuple[str, Upset]]:
    """There is no server."""
    yield f"sqlite:///{folder}/queue.db", lambda crowd: None


@contextmanager
def postgres(folder: Path) -> Iterator[tuple[str, Upset]]:
    """Kill the server. It then recovers and continues."""
    own = PostgresServer()
    own.start()
    try:
        yield own.create_database(), lambda crowd: own.restart(kill=True)
    finally:
        own.stop()


@contextmanager
def datastore(kind: str) -> Iterator[tuple[str, DatastoreEmulator]]:
    own = DatastoreEmulator(kind)
    own.start()
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("DATASTORE_EMULATOR_HOST", own.host)
            yield "datastore://kubeque-test", own
    finally:
        own.stop()


@contextmanager
def firestore(folder: Path) -> Iterator[tuple[str, Upset]]:
    """The emulator ends and comes back with its data.

    While it writes them to disk the consumers stand still: what it acknowledged meanwhile would be lost.
    """
    with datastore("firestore") as (url, own):

        def restart(crowd: Crowd) -> None:
            with crowd.standing_still():
                time.sleep(2.0)  # what is on its way arrives
                own.stop_and_keep()
            own.start()

        yield url, restart


@contextmanager
def legacy(folder: Path) -> Iterator[tuple[str, Upset]]:
    """The emulator is frozen for two leases: restarted, it would number the versions of entities from 1 again."""
    with datastore("legacy") as (url, own):

        def freeze(crowd: Crowd) -> None:
            with own.frozen():
                time.sleep(2 * LEASE_SECONDS)

        yield url, freeze


#: By the kind of store: gives a queue of its own and what will upset it.
PLACES = {"sqlite": sqlite, "postgres": postgres, "datastore-legacy": legacy, "datastore-firestore": firestore}


class Crowd:
    """Consumer processes, some of which are killed and replaced, or frozen for longer than a lease."""

    def __init__(self, programs: ForkServer, url: str, folder: Path, dice: random.Random) -> None:
        self._programs = programs
        self._url = url
        self._folder = folder
        self._dice = dice
        self._numbers = itertools.count(1)
        self._running: list[subprocess.Popen[bytes]] = []
        self._journals: dict[subprocess.Popen[bytes], Path] = {}
        #: When each is to be thawed, on the monotonic clock.
        self._frozen: list[tuple[float, subprocess.Popen[bytes]]] = []
        self.did: Counter[str] = Counter()
        for _ in range(CONSUMERS):
            self._start()

    def _start(self) -> None:
        owner = f"consumer-{next(self._numbers)}"
        journal = self._folder / f"{owner}.journal"
        words = [self._url, owner, str(journal)]
        with (self._folder / f"{owner}.errors").open("wb") as errors:
            process = self._programs.popen("tests.queues.chaos_consumer", words, os.environ, stderr=errors)
        self._running.append(process)
        self._journals[process] = journal

    def _at_work(self) -> list[subprocess.Popen[bytes]]:
        """Return the consumers that have run a task and still exist."""
        begun = [each for each in self._running if (path := self._journals[each]).exists() and path.stat().st_size]
        return [each for each in begun if each.poll() is None]

    def await_start(self) -> None:
        """Wait until all consumers have run a task."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while len(self._at_work()) < CONSUMERS:
            assert time.monotonic() < end, self.errors()
            time.sleep(0.1)

    def disturb(self) -> None:
        """Kill or freeze a consumer that has run a task."""
        if not (candidates := self._at_work()):
            return
        victim = self._dice.choice(candidates)
        self._running.remove(victim)
        if self.did.total() % 2 or len(self._frozen) >= 3:
            self.did["killed"] += 1
            victim.kill()
            victim.wait()
            self._start()
        else:
            self.did["frozen"] += 1
            victim.send_signal(signal.SIGSTOP)
            self._frozen.append((time.monotonic() + LEASE_SECONDS * self._dice.uniform(1.7, 2.5), victim))

    def thaw(self, *, all_of_them: bool = False) -> None:
        """Those whose time has come go on, as if nothing had happened."""
        due = [entry for entry in self._frozen if all_of_them or entry[0] <= time.monotonic()]
        for entry in due:
            self._frozen.remove(entry)
            entry[1].send_signal(signal.SIGCONT)
            self._running.append(entry[1])

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Freeze all consumers for a moment."""
        moving = [process for process in self._running if process.poll() is None]
        for process in moving:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in moving:
                process.send_signal(signal.SIGCONT)

    def wait(self) -> None:
        """Wait until all consumers have seen that the work is done."""
        self.thaw(all_of_them=True)
        for process in self._running:
            assert process.wait(120) == 0, self.errors()

    def errors(self) -> str:
        return "".join(path.read_text() for path in self._folder.glob("*.errors"))

    def end(self) -> None:
        for process in [*self._running, *(process for _, process in self._frozen)]:
            process.kill()
            process.wait()

    def notes(self, what: str) -> list[object]:
        """Return all journal entries of this kind. A killed consumer may have left half a line."""
        found = []
        for path in self._folder.glob("*.journal"):
            lines = path.read_text().splitlines(keepends=True)
            entries = [json.loads(line) for line in lines if line.endswith("\n")]
            found += [detail for kind, detail in entries if kind == what]
        return found


def drive(crowd: Crowd, queue: Queue, upset: Upset, dice: random.Random) -> None:
    """Disturb the consumers for a while. Then wait until every task has ended."""
    crowd.await_start()
    start = time.monotonic()
    next_at, upset_at, ended = start, DISTURBANCES // 3, 0
    while ended < TASKS:
        now = time.monotonic()
        assert now - start < _PATIENCE_SECONDS, f"{ended} of {TASKS} tasks ended; {crowd.errors()}"
        crowd.thaw()
        if next_at < now and crowd.did.total() < DISTURBANCES:
            crowd.disturb()
            next_at = now + dice.uniform(0.2, 0.8)
        if crowd.did.total() == upset_at:
            upset(crowd)
            upset_at = 0
        time.sleep(0.4)
        try:
            ended = queue.counts(queue.job(JOB)).ended
        except QueueUnavailable:
            continue


#: Queues on a server. They need more CPU than SQLite.
SLOW = ("postgres", "datastore-legacy", "datastore-firestore")


@pytest.fixture(params=[on(name, *[pytest.mark.rotating] * (name in SLOW)) for name in PLACES])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Upset]]:
    """A queue of each kind that processes can share. It has its own server, because the test can damage the server."""
    with ExitStack() as running:
        with or_skip():
            found = running.enter_context(PLACES[request.param](tmp_path))
        yield found


@pytest.fixture(scope="module")
def programs() -> Iterator[ForkServer]:
    """Server that starts consumers quickly. Without it, the imports of Datastore take two seconds per start."""
    with closing(ForkServer("google.cloud.datastore_v1", "psycopg", "sqlite3")) as server:
        yield server


@pytest.mark.timeout(330)
def test_nothing_is_lost_or_accepted_twice_whatever_happens_to_processes(
    place: tuple[str, Upset], programs: ForkServer, tmp_path: Path
) -> None:
    # Given eight consumers at a job of 2,000 tasks
    url, upset = place
    dice = random.Random()
    with closing(open_queue(url)) as queue:
        job = make_job(
            TASKS, name=JOB, consumers=CONSUMERS, lease_seconds=LEASE_SECONDS, heartbeat_seconds=1.0,
            budgets=Budgets().with_extra({"lost": 1000}),
        )  # fmt: skip
        submit(queue, job, size=block_size(TASKS, CONSUMERS))
        crowd = Crowd(programs, url, tmp_path, dice)
        try:
            # When some are killed, some frozen until others have their tasks, and the server is away for a while
            drive(crowd, queue, upset, dice)
            crowd.wait()
        finally:
            crowd.end()
        # Then the books are in order
        assert "Traceback" not in crowd.errors()  # gRPC has its own to say of lines that break
        check(queue, crowd)


def check(queue: Queue, crowd: Crowd) -> None:
    """Compare the records in the queue with the journals of the consumers."""
    job = queue.job(JOB)
    wanted = {index: State.FAILED if index % 50 == 13 else State.OK for index in range(TASKS)}
    assert states(queue, job) == wanted
    recorded = {}
    for view in queue.tasks(job):
        outcome = view.record.outcome
        assert outcome is not None
        recorded[view.index] = (view.index, outcome.attempt, outcome.folder)
    ran = [tuple(each) for each in crowd.notes("ran")]  # type: ignore[arg-type, var-annotated]
    acknowledged = [tuple(each) for several in crowd.notes("acknowledged") for each in several]  # type: ignore
    assert len({(index, attempt) for index, attempt, _ in ran}) == len(ran), "an attempt was made twice"
    assert set(recorded.values()) <= set(ran), "what is recorded never ran"
    assert len({index for index, *_ in acknowledged}) == len(acknowledged), "a task was accepted twice"
    assert set(acknowledged) <= set(recorded.values()), "what was acknowledged is not what is recorded"
    audit = Audit(job, queue.now()).look(queue.scan_records(job)).compare(queue.tallies(job))
    assert audit.findings == []
    counts = queue.counts(job)
    assert (counts.ok, counts.failed) == (TASKS - TASKS // 50, TASKS // 50)
    # A chaos in which nothing happened proves nothing.
    assert crowd.did["killed"] >= 3
    assert crowd.did["frozen"] >= 3
    assert crowd.notes("reaped")
    assert crowd.notes("refused"), "nobody came back after its lease had ended"
