"""Check invariants after every write, and compare the knowledge of participants with the backend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Tally
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import Outcome, State, TaskRecord
from kubeque.queues.backends.backend import BlockRecord
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.backends.records import read_block, read_job
from kubeque.queues.block import Block
from tests.queues.fuzz.world import Participant, Violation

#: Permitted next states of a job. A reset may change the state only if it raises the run.
_MAY_BECOME = {
    JobState.ACTIVE: {JobState.RESETTING, JobState.KILLED, JobState.STOPPED},
    JobState.RESETTING: {JobState.ACTIVE, JobState.KILLED, JobState.STOPPED},
    JobState.KILLED: {JobState.RESETTING},
    JobState.STOPPED: {JobState.RESETTING},
}
#: A task's attempt, for ever: (uid, index, number).
Key = tuple[str, int, int]


@dataclass(frozen=True)
class Seen:
    """State of a task at the last check."""

    block: Block
    state: State
    record: TaskRecord


def require(condition: bool, *words: object) -> None:
    if not condition:
        raise Violation(" ".join(map(str, words)))


def count_running(block: Block) -> int:
    """Return the number of running tasks: one if the owner names a reserved task; without its note, all reserved."""
    note = block.note
    if note is None or not block.owner or note.nonce != block.nonce:
        return block.states.count(State.RESERVED)
    named = note.index is not None and block.lo <= note.index < block.hi
    return int(named and block.state(note.index or 0) is State.RESERVED)


def _count_killed(block: Block) -> int:
    return sum(block.record(index).is_killed for index in block.indexes(State.FAILED))


class Checker:
    """Checker of the whole backend after each write."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._store = backend
        self._jobs: dict[str, Job] = {}
        self._job_versions: dict[str, int] = {}
        #: Running resets by uid. The job can have been removed during its reset.
        self._rules: dict[str, ResetRule | None] = {}
        self._blocks: dict[str, dict[str, Block]] = {}
        self._tasks: dict[str, dict[int, Seen]] = {}
        #: Lease (nonce, epoch) in which an attempt was reserved.
        self._reserved: dict[Key, tuple[str, int]] = {}
        self._begun: set[Key] = set()
        self._ended: dict[Key, Outcome] = {}
        #: Rows that a user killed, also before the last reset.
        self._killed: set[tuple[str, int]] = set()
        #: Outcomes that the backend accepted.
        self.accepted: dict[Key, Outcome] = {}
        self._ok: set[tuple[str, int, int]] = set()
        #: Number of runs that the call of `reset` of each participant began.
        self.resets: dict[str, int] = {}

    # ------------------------------------------------------------------ what participants say
    def begins(self, lease_block: Block, index: int, number: int) -> str:
        """Begin an attempt of a consumer. Return its folder, which identifies the attempt."""
        key = (lease_block.uid, index, number)
        require(key not in self._begun, f"attempt {key} is begun twice")
        require(
            self._reserved.get(key) == (lease_block.nonce, lease_block.epoch),
            f"attempt {key} is begun outside of a reservation: {self._reserved.get(key)}",
        )
        seen = self._tasks.get(lease_block.uid, {}).get(index)
        stands = seen is not None and seen.state is State.RESERVED and seen.record.attempts == number
        broken = seen is None or (seen.block.nonce, seen.block.epoch) != (lease_block.nonce, lease_block.epoch)
        require(stands or broken, f"attempt {key} is begun though its reservation was given back")
        self._begun.add(key)
        return f"{lease_block.uid}/{index}/{number}/{lease_block.nonce}/{lease_block.epoch}"

    def ends_command(self, lease_block: Block, index: int, start: float, skew: float) -> None:
        """Check what the block of a consumer says about its running command when the command ends."""
        note = lease_block.note
        late = note is not None and note.nonce == lease_block.nonce and note.noted - skew > start + 0.001
        require(not late or (note and note.index == index), f"the owner of task {index} ran it, and its note is {note}")

    def ends(self, uid: str, outcome: Outcome) -> None:
        """Record how an attempt of a consumer has ended."""
        self._ended[uid, outcome.index, outcome.attempt] = outcome

    def believes(self, uid: str, outcome: Outcome) -> None:
        """Note that a consumer received the confirmation of this outcome."""
        key = (uid, outcome.index, outcome.attempt)
        accepted = self.accepted.get(key)
        if outcome.cause is Cause.KILLED or (accepted is not None and accepted.cause is Cause.KILLED):
            require(outcome.cause is not Cause.OK, f"{key} is believed ok, and it is killed")
            return  # a row that was killed twice, or whose kill was undone by a reset
        require(accepted == outcome, f"{key} is believed recorded as {outcome.cause}, and it is not")

    def kills(self, uid: str, indexes: Iterable[int]) -> None:
        """Note that a user kills these rows."""
        self._killed |= {(uid, index) for index in indexes}

    def has_killed(self, job: Job, indexes: Iterable[int]) -> None:
        """Check that no killed row can start after the kill. A reset may have followed."""
        now = next((found for found in self._jobs.values() if found.is_same_run(job)), None)
        for index in indexes if now is not None else ():
            seen = self._tasks[job.uid][index]
            ended = seen.state in (State.OK, State.FAILED)
            require(ended or seen.record.kill, f"row {index} is {seen.state.name} after its kill")

    # ------------------------------------------------------------------ what the store holds
    def look(self, who: Participant) -> None:
        """Check the backend. This is called after each write."""
        for uid, records in self._store._blocks.items():
            before = self._blocks.setdefault(uid, {})
            changed = {
                name: read_block(record)
                for name, record in records.items()
                if name not in before or before[name].version != record.version
            }
            if changed:
                now = {**before, **changed}
                self._check_block_records(changed, records)
                self._check_homes(uid, before, changed, now, who)
                self._blocks[uid] = now
        for uid in [uid for uid in self._blocks if uid not in self._store._blocks]:
            del self._blocks[uid]
            self._tasks.pop(uid, None)
        self._check_jobs(who)

    @staticmethod
    def _check_block_records(changed: dict[str, Block], records: dict[str, BlockRecord]) -> None:
        for name, block in changed.items():
            record, count = records[name], block.states.count
            runs, killed = count_running(block), _count_killed(block)
            tally = count(State.OK) | count(State.FAILED) - killed << 21 | runs << 42
            pending = (0 if block.held else count(State.PENDING) + count(State.RESERVED) - runs) | killed << 21
            require(record.tally == tally and record.pending == pending, f"{name} is counted wrongly")
            require(
                block.hi - block.lo == len(block.states), f"{name}: states of [{block.lo},{block.hi}) are not as many"
            )
            require(bool(block.owner) or State.RESERVED not in block.states, f"{name}: nobody holds its reserved tasks")
            require(not block.held or not block.owner, f"{name} is held back, and leased to {block.owner}")
            ready = not block.owner and not block.held and State.PENDING in block.states
            require((record.slot is not None) == ready, f"{name} can be found ready: {record.slot is not None}")
            require((record.expires is not None) == bool(block.owner), f"{name} can be found leased wrongly")

    def _check_homes(
        self, uid: str, before: dict[str, Block], changed: dict[str, Block], now: dict[str, Block], who: Participant
    ) -> None:
        tasks: dict[int, Seen] = {}
        total = Tally()
        for block in now.values():
            ok, failed, reserved, pending = map(
                block.states.count, (State.OK, State.FAILED, State.RESERVED, State.PENDING)
            )
            runs, killed = count_running(block), _count_killed(block)
            total += Tally(ok, failed - killed, runs, 0 if block.held else pending + reserved - runs, killed)
            for offset, state in enumerate(block.states):
                if state != State.MOVED:
                    index = block.lo + offset
                    require(index not in tasks, f"task {index} is in two blocks")
                    tasks[index] = Seen(block, State(state), block.record(index))
        job = next((job for job in self._jobs.values() if job.uid == uid), None)
        if job is not None:
            require(len(tasks) == job.n, f"of {job.n} tasks {sorted(set(range(job.n)) - set(tasks))} are nowhere")
            counted = sum(self._store.tally(uid).values(), Tally())
            require(counted == total, f"the sum of tallies is {counted}, the recount {total}")
        for name, block in changed.items():
            require(name not in before or block.epoch >= before[name].epoch, f"{name}: its epoch went back")
            require(name not in before or block.run >= before[name].run, f"{name}: its run went back")
            if name in before and before[name].held != block.held:
                rule = self._rules.get(uid)
                word = before[name].held and rule is not None and rule.go and block.run > before[name].run
                require(word, f"{name}: held {before[name].held} became {block.held} without a word")
        known = self._tasks.get(uid, {})
        for index, seen in tasks.items():
            old = known.get(index)
            if old is None:
                self._check_new(uid, index, seen, job)
            elif old.block is not seen.block:
                self._check_change(uid, index, old, seen)
        self._tasks[uid] = tasks

    def _check_new(self, uid: str, index: int, seen: Seen, job: Job | None) -> None:
        require(job is None, f"task {index} of {uid} appears from nowhere")
        require(seen.state is State.PENDING, f"task {index} of {uid} is new and {seen.state.name}")
        # A delayed insert can bring back the blocks of a removed job. Their attempts begin again with number 1.
        for key in [key for key in self._reserved if key[:2] == (uid, index)]:
            del self._reserved[key]
            self._begun.discard(key)

    def _check_change(self, uid: str, index: int, old: Seen, new: Seen) -> None:
        task = f"task {index}"
        key = (uid, index, new.record.attempts)
        grown = new.record.attempts - old.record.attempts
        if new.state is State.RESERVED and (old.state is not State.RESERVED or grown):
            require(grown == 1 and key not in self._reserved, f"{task}: attempt number {key[2]} is used twice")
            self._reserved[key] = (new.block.nonce, new.block.epoch)
        else:
            require(grown == 0, f"{task}: attempts went from {old.record.attempts} to {new.record.attempts}")
        self._check_kill(uid, index, old, new)
        if new.record.outcome != old.record.outcome:
            self._check_accepted(uid, index, old, new)
        elif old.state in (State.OK, State.FAILED):
            require(
                new.state is old.state or self._may_reset(uid, index, old, new), f"{task}: {old.state.name} was undone"
            )
        elif new.state in (State.OK, State.FAILED):
            require(False, f"{task} became {new.state.name} without an outcome")

    def _check_kill(self, uid: str, index: int, old: Seen, new: Seen) -> None:
        """Check that only a kill marks a row, that a killed row does not run again, and that a reset undoes a kill."""
        if new.record.kill and not old.record.kill:
            require((uid, index) in self._killed and new.state is State.RESERVED, f"nobody killed row {index}")
        if old.record.kill and new.block.run == old.block.run:
            same = new.state is State.RESERVED and new.record.attempts == old.record.attempts and new.record.kill
            require(same or new.state in (State.OK, State.FAILED), f"the killed row {index} goes on: {new.state.name}")

        rule = self._rules.get(uid)
        if old.record.kill and rule is not None and new.block.run > old.block.run:
            named = any(low <= index < high for low, high in rule.ranges)
            undone = not new.record.kill or not rule.selects_cause(Cause.KILLED, named=named)
            require(undone, f"the kill of row {index} outlives its reset")

    def _may_reset(self, uid: str, index: int, old: Seen, new: Seen) -> bool:
        rule = self._rules.get(uid)
        if rule is None or not new.block.run > old.block.run:
            return False
        named = any(low <= index < high for low, high in rule.ranges)
        return old.state is State.FAILED or rule.everything or (named and not rule.keep_ok)

    def _check_accepted(self, uid: str, index: int, old: Seen, new: Seen) -> None:
        task, outcome = f"task {index}", new.record.outcome
        if outcome is not None and outcome.cause is Cause.KILLED:
            waited = old.state is State.PENDING and not old.record.kill
            require((uid, index) in self._killed and (waited or old.record.kill), f"{task} is killed by nobody")
            if waited:
                require(new.state is State.FAILED, f"{task} is killed and {new.state.name}")
                return
        require(
            outcome is not None and old.state is State.RESERVED, f"{task}: an outcome is taken for {old.state.name}"
        )
        assert outcome is not None
        key = (uid, index, outcome.attempt)
        require(outcome.attempt == old.record.attempts, f"{task}: an outcome of attempt {outcome.attempt} is taken")
        require(key not in self.accepted, f"{task}: attempt {outcome.attempt} is accepted twice")
        self.accepted[key] = outcome
        if outcome.folder:  # a consumer's, and not a reaper's
            lease = f"{uid}/{index}/{outcome.attempt}/{old.block.nonce}/{old.block.epoch}"
            require(outcome.folder == lease, f"{task}: an outcome of {outcome.folder} is taken in {lease}")
            require(self._ended.get(key) == outcome, f"{task}: {outcome} is recorded and never happened")
        require(
            (outcome.cause is Cause.OK) == (new.state is State.OK), f"{task} ended {outcome.cause}: {new.state.name}"
        )
        if new.state is State.OK:
            run = (uid, index, new.block.run)
            require(run not in self._ok, f"{task} is accepted twice in run {new.block.run}")
            self._ok.add(run)

    # ------------------------------------------------------------------ jobs
    def _check_jobs(self, who: Participant) -> None:
        for name, record in self._store._jobs.items():
            if self._job_versions.get(name) != record.version:
                job, old = read_job(record)[0], self._jobs.get(name)
                if old is not None and old.uid == job.uid:
                    self._check_job_change(old, job, who)
                self._jobs[name], self._job_versions[name] = job, record.version
                self._rules[job.uid] = job.reset
        for name in [name for name in self._jobs if name not in self._store._jobs]:
            del self._jobs[name]
        for job in self._jobs.values():
            behind = [b.id for b in self._blocks.get(job.uid, {}).values() if b.run != job.run]
            require(job.reset is not None or not behind, f"run {job.run} goes on with {behind} of an older run")

    def _check_job_change(self, old: Job, new: Job, who: Participant) -> None:
        begins = new.run != old.run
        require(new.run - old.run in (0, 1), f"the run went from {old.run} to {new.run}")
        if begins:
            self.resets[who.name] = self.resets.get(who.name, 0) + 1
            require(new.state is JobState.RESETTING and old.reset is None, "a run begins in the middle of another")
        changed = new.state is not old.state
        require(not changed or new.state in _MAY_BECOME[old.state], f"a job that was {old.state} is {new.state}")
        revived = changed and old.state in (JobState.KILLED, JobState.STOPPED)
        require(not revived or begins, f"a job that was {old.state} goes on without a reset")
        stopped = changed and new.state is JobState.STOPPED
        require(not stopped or new.uid in new.reason, f"a job was stopped by a verdict on another: {new.reason}")
        require(new.floor >= old.floor or begins, "the floor class went down")
        require(replace(new, n=old.n) == new, "a job has another number of tasks")

    def has(self, uid: str) -> bool:
        """True if this job exists."""
        return any(job.uid == uid for job in self._jobs.values())

    def run_twice(self) -> list[Key]:
        """Return the attempts that have begun and are not recorded."""
        return sorted(self._begun - self.accepted.keys())

    def open_tasks(self) -> list[str]:
        """Return the tasks that are not done."""
        return [
            f"{uid}/{index} {seen.state.name} in {seen.block.id}"
            for uid, tasks in self._tasks.items()
            if self.has(uid)
            for index, seen in tasks.items()
            if seen.state in (State.PENDING, State.RESERVED)
        ]
