"""A consumer with the real decisions, coordinator and heartbeat. Its commands, files and threads are virtual."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.attempt.memory_watch import OomCounter
from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.consumer.coordinator import Coordinator
from kubeque.consumer.decisions import Decisions
from kubeque.consumer.heartbeat import Heartbeat
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.consumer.instructions import Instruction
from kubeque.consumer.job_discovery import JobDiscovery
from kubeque.consumer.limit_checks import LimitChecks
from kubeque.model.errors import QueueUnavailable
from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.task import Outcome
from kubeque.queues.claim import claim
from kubeque.queues.early_stop import early_attempts
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import LeaseWatch
from kubeque.queues.running_command import RunningCommand
from tests.queues.fuzz.checker import Checker, require
from tests.queues.fuzz.world import Killed, Participant, World

#: Virtual seconds between two ticks of the heartbeat, and between two checks while nothing changes.
_TICK_SECONDS, _AWAIT_SECONDS = 1.0, 2.0
#: Duration, cause of the end, and exit code of an attempt.
Fate = Callable[[Lease, int], tuple[float, Cause, int | None]]


class VirtualEvent(threading.Event):
    """Event that waits in virtual time."""

    def __init__(self, me: Participant) -> None:
        super().__init__()
        self._me = me
        #: Number of waits.
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        self._me.pause(timeout or 0.0)
        return self.is_set()


@dataclass(frozen=True)
class VirtualHost:
    """A host without files and processes."""

    profile: ConsumerProfile
    fleet: str = "local"
    number: int | None = None
    work: Path = Path("/nowhere")
    environment: Mapping[str, str] = field(default_factory=dict)
    oom: OomCounter | None = None
    watched: tuple[Path, ...] = ()
    echo: Callable[[str], object] | None = None

    def record_task(self, task: dict[str, object]) -> None:
        """Keep nothing."""

    def record_process(self, pid: int) -> None:
        """Keep nothing."""

    def remove_stray_files(self) -> None:
        """Find nothing."""

    @property
    def charges_leaving(self) -> bool:
        return True

    def find_death(self, owner: str) -> Death | None:
        return None

    def has_home(self) -> bool:
        return True


@dataclass
class Task:
    """One attempt in the consumer."""

    number: int
    lease: Lease
    index: int
    attempt: int
    folder: str = ""
    start: float = 0.0
    seconds: float = 0.0
    #: When its command ends, then when its result is saved.
    due: float = 0.0
    cause: Cause = Cause.OK
    code: int | None = 0


class DecidingConsumer:
    """One life of a consumer: from its start until it leaves."""

    #: Probability of a request to leave at each step.
    leave_chance = 0.002
    #: Probability that a task cannot be staged.
    fault_chance = 0.02

    def __init__(self, me: Participant, queue: Queue, checker: Checker, profile: ConsumerProfile, fate: Fate) -> None:
        self._me = me
        self._world: World = me.world
        self._rng: Random = me.rng
        self._queue = queue
        self._checker = checker
        self._profile = profile
        self._fate = fate
        self._stop = StopSignal()
        self._leaving = VirtualEvent(me)
        jobs, limit_checks = JobDiscovery(queue, "local"), LimitChecks(queue)
        self._decisions = Decisions(profile)
        self._coordinator = Coordinator(
            self._decisions, jobs, limit_checks, stop=self._stop, reset_stop=self._stop.clear, leaving=self._leaving,
            clock=self._clock, sleep=me.pause,
        )  # fmt: skip
        self._heartbeat = Heartbeat(
            queue, self._coordinator, jobs, limit_checks, VirtualHost(profile), self._leaving, LeaseWatch(self._clock)
        )
        self._command = RunningCommand(self._clock)
        self._told_to_leave = False
        self._in_hand: Task | None = None
        self._staged: Task | None = None
        self._running: Task | None = None
        self._saving: list[Task] = []
        self._supply_at = self._tick_at = 0.0
        self._awaits_change = False
        #: Outcomes that wait to be recorded, with their leases.
        self._waiting: list[tuple[Lease, Outcome]] = []

    def _clock(self) -> float:
        return self._world.time

    def work(self) -> None:
        """Work until the consumer leaves. Raises Killed if it cannot give back its leases."""
        with self._stop:
            try:
                self._coordinator.list_jobs()
            except QueueUnavailable:
                raise Killed from None  # its process ends before it holds anything
            while not self._run_step():
                for step in self._rng.sample([self._supply, self._save_due, self._beat], 3):
                    step()
                self._me.pause(self._next_due() - self._world.time)
            self._wind_up()

    def _next_due(self) -> float:
        moments = [self._tick_at, max(self._supply_at, self._world.time + 0.1)]
        moments += [task.due for task in (self._running, *self._saving) if task is not None]
        return max(self._world.time, min(moments)) + self._rng.uniform(0.01, 0.1)

    def _wind_up(self) -> None:
        self._leaving.set()
        self._tell(on.RunLoopEnded())
        for task in (self._in_hand, self._staged):
            if task is not None:
                self._give_back(task, staged=True)
        for task in self._saving:
            self._save(task)
        leases = [self._coordinator.lease(view.id) for view in self._coordinator.views()]
        while not self._tell(on.AllSaved(self._coordinator.views(), self._told_to_leave)):
            pass
        silenced = self._told_to_leave and self._decisions.gave_up
        for lease in leases:
            require(silenced or not lease.held, "a consumer left and kept its lease")
            require(silenced or lease.lost or not lease.waiting, "a consumer left with an outcome")
        if any(lease.held for lease in leases):
            raise Killed  # the queue did not answer in time

    def _tell(self, event: on.Event) -> list[Instruction]:
        if self._awaits_change and isinstance(event, (on.RunEnded, on.TaskLeft)):
            self._supply_at, self._awaits_change = self._world.time, False
        instructions = self._coordinator.tell(event)
        for lease, outcome in list(self._waiting):
            if outcome not in lease._waiting:
                self._waiting.remove((lease, outcome))
                self._checker.believes(lease.block.uid, outcome)
        return instructions

    # ------------------------------------------------------------------ the supplying thread
    def _supply(self) -> None:
        try:
            waits = self._leaving.waits  # the other threads act after a wait
            while self._leaving.waits == waits and self._world.time >= self._supply_at and self._place_in_hand():
                for instruction in self._tell(on.SupplierReady(self._coordinator.drop_done())):
                    self._carry_out(instruction)
        except QueueUnavailable:
            self._tell(on.QueueSilent())
            self._tell(on.SupplyFailed())

    def _carry_out(self, instruction: Instruction) -> None:
        match instruction:
            case do.StageTask(number):
                self._stage(number)
            case do.Claim(job, reserve):
                lease = claim(
                    self._queue, job, self._profile.owner, size_classes=self._profile.size_classes(job),
                    reserve=reserve, command=self._command,
                )  # fmt: skip
                self._tell(on.LeaseClaimed(self._coordinator.add(lease)) if lease else on.NothingClaimed())
            case do.ListJobs():
                self._coordinator.list_jobs()
            case do.ReturnStaged() if self._staged is not None:
                self._give_back(self._staged, staged=True)
                self._staged = None
            case do.AwaitChange():
                self._supply_at, self._awaits_change = self._world.time + _AWAIT_SECONDS, True
            case do.Pause() | do.Leave():
                self._supply_at = self._world.time + self._rng.uniform(0.25, 1.0)

    def _stage(self, number: int) -> None:
        lease = self._coordinator.lease(number)
        taken = lease.take()
        if taken is None:
            self._tell(on.NothingTaken())
            return
        self._in_hand = Task(number, lease, *taken)
        faulty = taken[1] if self._rng.random() < self.fault_chance else None
        for instruction in self._tell(on.TaskStaged(faulty)):
            if isinstance(instruction, do.HandOver):
                self._supply_at = self._world.time + instruction.after_seconds

    def _place_in_hand(self) -> bool:
        """True once no staged task waits for its turn."""
        if self._in_hand is not None and self._tell(on.HandOverDue()):
            self._give_back(self._in_hand, staged=True)
            self._in_hand = None
        elif self._in_hand is not None and self._staged is None:
            self._staged, self._in_hand = self._in_hand, None
        return self._in_hand is None

    def _give_back(self, task: Task, *, staged: bool) -> None:
        task.lease.untake(task.index)
        self._tell(on.TaskLeft(staged=staged))

    # ------------------------------------------------------------------ the running thread
    def _run_step(self) -> bool:
        """Begin or end a command. True once the consumer leaves."""
        self._told_to_leave = self._told_to_leave or self._rng.random() < self.leave_chance
        task = self._running
        if task is not None:
            if self._stop.cause or self._told_to_leave:
                self._end_command(task, stopped=True)
            elif self._world.time >= task.due:
                self._end_command(task, stopped=False)
        order = self._tell(on.RunnerReady(self._told_to_leave)) if self._running is None else []
        if do.Leave() in order:
            return True
        if self._running is None and not order and self._staged is not None:
            task, self._staged = self._staged, None
            self._begin(task)
        return False

    def _begin(self, task: Task) -> None:
        job = task.lease.job
        self._tell(on.TaskPicked(task.number, key=(job.uid, job.revision), index=task.index))
        killed = task.index in task.lease.killed
        checked = on.LeaseChecked(task.number, task.lease.held, self._told_to_leave, job.uid, killed)
        if do.RunTask() not in self._tell(checked):
            self._tell(on.RunEnded(None))
            self._give_back(task, staged=False)
            return
        require(task.lease.held, "a task begins without a lease")
        task.folder = self._checker.begins(task.lease.block, task.index, task.attempt)
        task.seconds, task.cause, task.code = self._fate(task.lease, task.index)
        task.start, task.due = self._world.time, self._world.time + task.seconds
        task.lease.begin_command(task.index)
        self._running, self._me.running = task, task.index

    def _end_command(self, task: Task, *, stopped: bool) -> None:
        if task.cause is Cause.LOST and not stopped:
            raise Killed
        if task.lease.held:
            self._checker.ends_command(task.lease.block, task.index, task.start, self._me.skew)
        task.lease.end_command(task.index)
        self._running = self._me.running = None
        job, killed = task.lease.job, self._stop.cause is Cause.KILLED and task.lease.held
        self._tell(on.RunEnded((job.uid, job.revision), self._world.time - task.start))
        if stopped and killed:
            task.cause, task.code, task.folder = Cause.KILLED, None, ""
        elif stopped:
            self._tell(on.TaskLeft())
            return
        task.due = self._world.time + self._saving_seconds()
        self._saving.append(task)

    # ------------------------------------------------------------------ the saving thread and the heartbeat
    def _saving_seconds(self) -> float:
        return self._rng.choice([0.02, 0.02, 0.5, 8.0])

    def _save_due(self) -> None:
        if self._saving and self._world.time >= self._saving[0].due:
            self._save(self._saving.pop(0))

    def _save(self, task: Task) -> None:
        lease, folder = task.lease, task.folder
        outcome = Outcome(task.index, task.attempt, task.cause, task.code, seconds=task.seconds, folder=folder)
        self._checker.ends(lease.block.uid, outcome)
        lease.add_outcome(outcome)
        self._waiting.append((lease, outcome))
        view = self._coordinator.view(task.number, lease)
        self._tell(on.TaskSaved(view, task.cause, early_attempts(view.job)))
        self._tell(on.TaskLeft())

    def _beat(self) -> None:
        if self._world.time >= self._tick_at:
            self._tick_at = self._world.time + _TICK_SECONDS
            self._heartbeat.tick(self._world.time)
