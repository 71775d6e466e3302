"""Participants: consumers that behave like real consumers, and users that maintain or disturb a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.model.errors import JobExists, JobNotFound, LeaseLost, QueueUnavailable
from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import GO_ON, ResetRule
from kubeque.model.job.task import Outcome
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.block import Block, make_blocks, spread
from kubeque.queues.claim import claim
from kubeque.queues.early_stop import end_hopeless, enforce_limits
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import LeaseWatch, reap
from tests.queues.fuzz.checker import Checker, require
from tests.queues.fuzz.deciding import DecidingConsumer
from tests.queues.fuzz.view import View, Weather
from tests.queues.fuzz.world import Killed, Participant, World
from tests.queues.makers import SHAPES, make_job

NAME = "sweep"


class JudgedQueue(Queue):
    """Names in a verdict the job that it is about, for the checker."""

    def stop(self, job: Job, reason: str) -> Job:
        return super().stop(job, f"{reason} ({job.uid})")


@dataclass
class Stage:
    """State that all participants share."""

    world: World
    backend: MemoryBackend
    weather: Weather
    checker: Checker
    #: Additional events (see plan.FEATURES).
    features: frozenset[str]
    #: Consumers that have really ended, with the tasks that they ran.
    dead: dict[str, int | None] = field(default_factory=dict)
    consumers: int = 0
    #: Number of jobs made so far. All have the same name.
    jobs: int = 0

    def queue(self, me: Participant) -> Queue:
        view = View(self.backend, me, self.weather, self.checker.look)
        return JudgedQueue(view, sleep=me.pause, clock=lambda: self.world.time)

    def new_job(self, me: Participant) -> tuple[Job, Iterable[Block]]:
        """Make a job with the common name, and its blocks."""
        self.jobs += 1
        rng = me.rng
        n = rng.randint(1, 16)
        job = make_job(
            n, name=NAME, uid=f"uid-{self.jobs}", shapes=SHAPES, consumers=rng.randint(1, 4),
            max_failures=rng.choice([None, None, 2]), deadline=rng.choice([None, None, self.world.time + 60.0]),
            canaries=min(rng.choice([0, 1, 3]), n - 1) if "goer" in self.features else 0,
        )  # fmt: skip
        return job, make_blocks(job.uid, n, rng.randint(1, 8), canaries=spread(range(n), job.canaries))

    # ------------------------------------------------------------------ new participants
    def add_consumer(self, delay: float, *, mortal: bool = True) -> None:
        """Add a consumer. Mortal consumers are killed at random."""
        self.consumers += 1
        name, rng = f"consumer-{self.consumers}", self.world.rng
        skew = rng.choice([0.0, rng.uniform(-600, 600)]) if "skew" in self.features else 0.0
        me = self.world.spawn(name, self._consumer, delay=delay, skew=skew)
        if mortal and "kill" in self.features and rng.random() < 0.5:
            me.dies_at = self.world.time + rng.uniform(1.0, 90.0)

    def _consumer(self, me: Participant) -> None:
        try:
            consumer = Consumer(self, me)
            if "decide" in self.features and me.rng.random() < 0.7:
                self._decide(consumer, me)
            consumer.work()
        except Killed:
            self.dead[me.name] = me.running
            if not self.world.over and self.consumers < 60:
                self.add_consumer(me.rng.uniform(1.0, 10.0), mortal=not self.weather.calm)
            raise

    def _decide(self, consumer: Consumer, me: Participant) -> None:
        """Act as one consumer with the real decisions after another."""
        while True:
            size_class = None if self.weather.calm else me.rng.choice([None, None, None, 0, 1, 2])
            profile = ConsumerProfile(me.name, size_class, linger_seconds=5.0)
            DecidingConsumer(me, consumer.queue, self.checker, profile, consumer.fate).work()
            me.pause(me.rng.uniform(0.5, 5.0))

    def visit(self, me: Participant, act: Callable[[Queue], object], least: float, most: float) -> None:
        """Repeat an action as a remote user that encounters every kind of error."""
        queue = self.queue(me)
        while True:
            me.pause(me.rng.uniform(least, most))
            try:
                act(queue)
            except (QueueUnavailable, JobNotFound, JobExists) as error:
                self.world.note(me.name, type(error).__name__, error)


class Consumer:
    """One consumer. It claims, runs and records tasks, renews leases and releases them."""

    def __init__(self, stage: Stage, me: Participant) -> None:
        self.stage = stage
        self.me = me
        self.queue = stage.queue(me)
        self.shapes = me.rng.choice([None, None, [0], [1, 2], [0, 1, 2]]) if not stage.weather.calm else None
        self.looked = 0.0
        self.gone = False

    def work(self) -> None:
        rng = self.me.rng
        while True:
            try:
                jobs = [job for job in self.queue.jobs("local") if job.open]
                if rng.random() < 0.1:
                    self.me.pause(rng.uniform(0.0, 5.0))  # what it knows gets old
                lease = next(filter(None, (self._claim(job) for job in jobs)), None)
                if lease is None:
                    self.me.pause(rng.uniform(0.5, 4.0))
                else:
                    self._hold(lease)
            except QueueUnavailable:
                self.me.pause(rng.uniform(0.5, 2.0))

    def _claim(self, job: Job) -> Lease | None:
        size_classes = None if self.stage.weather.calm else self.shapes
        return claim(self.queue, job, self.me.name, size_classes=size_classes, reserve=self.me.rng.randint(1, 4))

    # ------------------------------------------------------------------ one lease
    def _hold(self, lease: Lease) -> None:
        """Work on a lease until nothing is left of it. A backend that does not answer does not end the lease."""
        self.gone = False
        rng = self.me.rng
        while not lease.lost and (lease.held or lease.waiting) and not self.gone:
            taken = lease.take()
            if taken is None:
                self._commit(lease, reserve=rng.randint(0, 4), release=rng.random() < 0.2)
            elif rng.random() < 0.05:
                lease.untake(taken[0])
                self._commit(lease, give_back=True)
            else:
                self._run(lease, *taken)

    def _commit(self, lease: Lease, *, reserve: int = 0, give_back: bool = False, release: bool = False) -> None:
        before = list(lease._waiting)
        try:
            lease.commit(reserve=reserve, give_back=give_back, release=release)
        except LeaseLost:
            self.gone = True
        except QueueUnavailable:
            self.me.pause(self.me.rng.uniform(0.5, 2.0))
        else:
            for outcome in before:
                if outcome not in lease._waiting:
                    self.stage.checker.believes(lease.block.uid, outcome)

    def _run(self, lease: Lease, index: int, number: int) -> None:
        me, rng = self.me, self.me.rng
        folder = self.stage.checker.begins(lease.block, index, number)
        start, seconds, cause, code = self.stage.world.time, *self.fate(lease, index)
        me.running = index
        while (left := start + seconds - self.stage.world.time) > 0 and not self.gone:
            me.pause(min(left, rng.uniform(2.0, 5.0)))
            if left > 5.0:
                self._commit(lease, give_back=rng.random() < 0.5)
            self._look_at_jobs(lease)
            if index in lease.killed:
                seconds, cause, code, folder = 0.0, Cause.KILLED, None, ""
        me.running = None
        if self.gone:
            return
        if cause is Cause.LOST:
            me.running = index
            raise Killed
        outcome = Outcome(index, number, cause, code, seconds=seconds, folder=folder)
        self.stage.checker.ends(lease.block.uid, outcome)
        lease.add_outcome(outcome)
        if rng.random() < 0.6:
            self._commit(lease, reserve=rng.choice([0, 0, 1, 3]))

    def fate(self, lease: Lease, index: int) -> tuple[float, Cause, int | None]:
        """Return the duration and the end of this attempt."""
        rng, size_class = self.me.rng, max(lease.block.size_class, lease.job.floor)
        seconds = rng.choice([0.1, 0.1, 1.0, 4.0, 12.0])
        draw = rng.random()
        if draw < 0.05 and "freeze" in self.stage.features and not self.stage.weather.calm:
            self.me.pause(rng.uniform(5.0, 60.0))
        if "poison" in self.stage.features and index == 3 and draw < 0.7:
            return seconds, Cause.LOST, None
        if "move" in self.stage.features and index % 2 and size_class < index % 4:
            return seconds, Cause.OOM, None
        if draw < 0.1:
            return seconds, rng.choice([Cause.EXIT, Cause.STAGE, Cause.TIMEOUT, Cause.OOM]), 1
        return seconds, Cause.OK, 0

    def _look_at_jobs(self, lease: Lease) -> None:
        """Check every five seconds if the job was killed, removed or replaced."""
        if self.stage.world.time - self.looked < 5.0:
            return
        self.looked = self.stage.world.time
        try:
            jobs = {job.uid: job for job in self.queue.jobs("local")}
        except QueueUnavailable:
            return
        job = jobs.get(lease.job.uid)
        if job is not None and job.open:
            lease.refresh(job)
            return
        self._commit(lease, release=True)
        self.gone = True


# ---------------------------------------------------------------------- maintenance of a job
def watcher(stage: Stage, me: Participant) -> None:
    """Reap for a long time, with an own clock. Also finish work that other participants left half done."""
    watch = LeaseWatch(lambda: stage.world.time)

    def act(queue: Queue) -> None:
        for job in queue.jobs():
            job = queue.finish_reset(job)
            reap(queue, job, watch=watch)

    stage.visit(me, act, 2.0, 5.0)


def undertaker(stage: Stage, me: Participant) -> None:
    """Report dead consumers, sometimes with their task and the cause of death."""

    def find_death(owner: str) -> Death | None:
        if owner not in stage.dead:
            return None
        ran = stage.dead[owner] if me.rng.random() < 0.5 else None
        return Death(me.rng.choice([Cause.LOST, Cause.PREEMPTED, Cause.OOM]), ran)

    stage.visit(me, lambda queue: [reap(queue, job, find_death=find_death) for job in queue.jobs()], 3.0, 15.0)


def sensor(stage: Stage, me: Participant) -> None:
    """Count and list tasks, and enforce the limits of the job."""

    def act(queue: Queue) -> None:
        for job in queue.jobs():
            indexes = [view.index for view in queue.tasks(job)]
            require(indexes == sorted(set(indexes)), f"tasks are listed twice or out of order: {indexes}")
            there = stage.checker.has(job.uid)
            require(len(indexes) == job.n or not there, f"of {job.n} tasks these are listed: {indexes}")
            counts = queue.counts(job)
            require(counts.total in (job.n, 0), f"{counts} of {job.n}")
            end_hopeless(queue, enforce_limits(queue, job, counts))
            if me.rng.random() < 0.1:
                queue.update(job.name, lambda job: replace(job, floor=min(job.floor + 1, len(SHAPES) - 1)))

    stage.visit(me, act, 3.0, 15.0)


# ---------------------------------------------------------------------- disturbances of a job
def killer(stage: Stage, me: Participant) -> None:
    stage.visit(me, lambda queue: queue.kill(NAME) if not stage.weather.calm else None, 20.0, 80.0)


def row_killer(stage: Stage, me: Participant) -> None:
    """Kill some rows of the job, and sometimes reset them while their commands still run."""

    def act(queue: Queue) -> None:
        if stage.weather.calm:
            return
        job = queue.job(NAME)
        chosen = bytearray(me.rng.random() < 0.4 for _ in range(job.n))
        indexes = [index for index in range(job.n) if chosen[index]]
        stage.checker.kills(job.uid, indexes)
        after = queue.kill_rows(job, chosen, "killed by a user")
        if after.is_same_run(job) and job.reset is None:
            stage.checker.has_killed(after, indexes)
        if indexes and me.rng.random() < 0.4:
            rule = ResetRule(ranges=tuple((index, index + 1) for index in indexes), keep_ok=True)
            queue.reset(NAME, rule)

    stage.visit(me, act, 10.0, 50.0)


def resetter(stage: Stage, me: Participant) -> None:
    """Reset the job with random rules. Each call begins one run."""

    def act(queue: Queue) -> None:
        if stage.weather.calm:
            return
        rule = ResetRule(
            everything=me.rng.random() < 0.3, break_leases=me.rng.random() < 0.3,
            causes=("exit",) if me.rng.random() < 0.2 else (), ranges=((2, 5),) if me.rng.random() < 0.2 else (),
            keep_ok=me.rng.random() < 0.5,
        )  # fmt: skip
        stage.checker.resets[me.name] = 0
        queue.reset(NAME, rule, lambda job: replace(job, revision=job.revision + 1))
        require(stage.checker.resets[me.name] == 1, f"one reset began {stage.checker.resets[me.name]} runs")

    stage.visit(me, act, 10.0, 50.0)


def goer(stage: Stage, me: Participant) -> None:
    """Release the held tasks at a random time."""

    def act(queue: Queue) -> None:
        if queue.job(NAME).canaries:
            queue.reset(NAME, GO_ON)

    stage.visit(me, act, 20.0, 60.0)


def remover(stage: Stage, me: Participant) -> None:
    """Remove the job and make a new job with the same name."""

    def act(queue: Queue) -> None:
        if stage.weather.calm:
            return
        if me.rng.random() < 0.7:
            queue.remove(NAME)
        queue.create(*stage.new_job(me))

    stage.visit(me, act, 20.0, 60.0)


def closer(stage: Stage, me: Participant) -> None:
    """After the disturbances, let a killed or stopped job run to its end. Then end the world."""

    def act(queue: Queue) -> None:
        for job in queue.jobs():
            job = queue.finish_reset(job)
            if not job.open:
                queue.reset(job.name, ResetRule(), lambda job: replace(job, max_failures=None, deadline=None))
            elif job.canaries:
                queue.reset(job.name, GO_ON)
        if not stage.checker.open_tasks():
            stage.world.over = True

    stage.visit(me, act, 2.0, 4.0)
