"""A job as the queue stores it: its identity, its options, its state and its end."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.stored_types import check_fields
from kubeque.model.compatibility.unknown_entries import read_fields, write_fields
from kubeque.model.compatibility.versions import BASE_NEEDS
from kubeque.model.html_table import html_table
from kubeque.model.job.counts import Counts
from kubeque.model.job.job_state import Closing, JobState
from kubeque.model.job.lease_durations import HEARTBEAT_SECONDS, LEASE_SECONDS, RESULTS_WAIT_SECONDS
from kubeque.model.job.pause import ClusterObjects, Pause
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.retries import Budgets
from kubeque.model.job.shapes import Shape
from kubeque.model.rows.rows import MAX_TASKS
from kubeque.model.text import cut, format_count

#: The place in `Job.run_on` for the consumers that `kubeque work` started, and the begin of their owner names.
WORK, WORK_OWNER = "work", "work:"
#: Maximum number of replaced jobs that a job names, so that its record stays small.
REPLACED_JOBS = 50
#: Pattern of `allow_failed` in a stored job: a count, or a share with %.
_ALLOWED = re.compile(r"\d{1,18}|\d{1,18}(\.\d{1,18})?%", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class Job:
    """One submitted sweep, as the queue stores it.

    The record is small, because each consumer reads it every few seconds.
    """

    name: str
    #: Random text, chosen when the job is created. It is the key of everything that is stored for the job.
    uid: str
    #: Number of tasks.
    n: int
    #: Folder of the job's spec, pages and results: `{prefix}/{name}/{uid}`.
    url: str
    #: Number of consumers that the job requests.
    consumers: int = 1
    #: Number of canaries: tasks that run first, while `kubeque go` has not released the other tasks. 0: none is held.
    canaries: int = 0
    #: Name of the job's fleet. Jobs of one fleet share consumers.
    fleet: str = "local"
    priority: int = 0
    #: Unix time of the submission, seconds. Jobs with the same priority run in the order of submission.
    created: float = 0.0
    state: JobState = JobState.ACTIVE
    #: Reason why the job was killed or stopped, as text.
    reason: str = ""
    #: Number of kills of single rows of the job. If it increases, each consumer reads the blocks of its leases again
    #: and ends the killed rows.
    kills: int = 0
    #: Number of resets of the job. Outcomes of an older run are refused.
    run: int = 0
    #: First run after the last reset of a killed or stopped job. A consumer ends a command that it started in an
    #: earlier run.
    oldest_run: int = 0
    #: Unix time of the last reset, seconds; 0 without a reset.
    reset_at: float = 0.0
    #: Number of the current spec, from 1. `files/layout.py: spec_url` returns the spec's URL.
    revision: int = 1
    #: Digest of the current spec. It shows if a repeated submission has another spec.
    spec_digest: str = ""
    #: SHA-256 (hex) of each stored spec, from revision 1 on. An entry is empty, or missing at the end, if an earlier
    #: kubeque stored the spec.
    spec_hashes: tuple[str, ...] = ()
    #: The unfinished reset, which any program may complete; None if no reset is unfinished.
    reset: ResetRule | None = None
    #: Lowest size class in which tasks run. It is raised if all first attempts run out of memory.
    floor: int = 0
    shapes: tuple[Shape, ...] = (Shape(),)
    budgets: Budgets = field(default_factory=Budgets)
    #: Number of failed tasks at which the job stops; None: no limit.
    max_failures: int | None = None
    #: Maximum number of failed tasks of a successful job. With %, the maximum share of all tasks.
    allow_failed: str = "0"
    #: Unix time in seconds at which the job stops, even if tasks have not ended; None: never.
    deadline: float | None = None
    #: Seconds from the submission to the deadline. If an ended job is reset, the new deadline is this many seconds
    #: after the reset.
    deadline_seconds: float | None = None
    lease_seconds: float = LEASE_SECONDS
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    #: Seconds for which a finished attempt waits for the store. After it, the attempt has the outcome `store`.
    results_wait: float = RESULTS_WAIT_SECONDS
    #: Wait token: text that identifies the try of an Airflow task that waits for the job and may cancel it. Empty if no
    #: Airflow task waits.
    token: str = ""
    #: Seconds without a poll by the waiting Airflow task after which the job stops; None: never.
    orphan_after: float | None = None
    #: Time of the last poll by the waiting Airflow task, in seconds on the clock of the queue. Its precision is a
    #: twentieth of `orphan_after`.
    watched: float = 0.0
    #: True if an Airflow task has returned the results. If such a task has a further try, a user has cleared it.
    delivered: bool = False
    #: Places where the tasks run, as `normalize_run_on` returns them; empty: only the consumers of its own cluster.
    run_on: str = ""
    #: Name of the recurring sweep to which the job belongs; empty if none.
    series: str = ""
    #: Origin of the job: names and values that describe the submitter, for example the DAG run.
    origin: Mapping[str, str] = field(default_factory=dict)
    #: User name of the submitter on the machine of the submission; empty if unknown.
    submitter: str = ""
    #: Number of tasks that were linked to results of earlier jobs when the job was created.
    linked: int = 0
    #: Jobs with this name that this job replaced, oldest first, at most REPLACED_JOBS: uid, and True if the job had
    #: ended. Their folders are deleted with the job.
    replaced: tuple[tuple[str, bool], ...] = ()
    #: Seconds from the end of the job until `kubeque gc` may remove it; None: never.
    results_ttl: float | None = None
    #: Indexes of running tasks with an output that a user watches, each with the end of the watch, in seconds on the
    #: clock of the queue. Until then, the consumer uploads the output.
    peeks: tuple[tuple[int, float], ...] = ()
    closing: Closing | None = None
    #: Time of the last `kubeque stop` in seconds on the clock of the queue; 0: never. This stop does not charge tasks.
    sent_home: float = 0.0
    #: Names of consumers of `kubeque work` that must leave after their task (`kubeque send-home`).
    leaving: tuple[str, ...] = ()
    #: The pause of an open job; None if the job is not paused.
    pause: Pause | None = None
    #: The unfinished objects of the job in its cluster; None if none were observed, or if kubeque deleted them.
    objects: ClusterObjects | None = None
    #: Lowest version of kubeque that may work on the job.
    needs: str = BASE_NEEDS
    #: Version of kubeque that wrote the record. Empty for versions before 0.2, and for a record that is not stored yet.
    written_by: str = field(default="", compare=False)
    #: Stored entries that only a newer kubeque knows. If the state is UNKNOWN, they include its stored name.
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)
    #: Stored entries of the job's record, outside of the job's own object, that only a newer kubeque knows.
    record_extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return f"Job({self.name!r}, {format_count(self.n, 'task')}, {self.condition})"

    def _repr_html_(self) -> str:
        return html_table(("job", "tasks", "state"), [(self.name, self.n, self.condition)])

    @property
    def condition(self) -> str:
        """One word for the state of the job, as far as the record alone shows it, without counts."""
        if self.closing is None and self.state is JobState.ACTIVE:
            return "paused" if self.paused else "open"
        return self.standing(Counts())

    @property
    def open(self) -> bool:
        """True if the job has not ended and was not killed or stopped."""
        return self.closing is None and self.state in (JobState.ACTIVE, JobState.RESETTING)

    @property
    def paused(self) -> bool:
        """True if the job is open and paused, so that no further task starts."""
        return self.open and self.pause is not None

    @property
    def startable(self) -> bool:
        """True if consumers may start tasks of the job."""
        return self.open and self.pause is None

    @property
    def was_ended(self) -> bool:
        """True if the job was killed or stopped. Its remaining tasks do not run."""
        return self.state in (JobState.KILLED, JobState.STOPPED)

    @property
    def missed_deadline(self) -> bool:
        """True if the job was stopped because its deadline had passed."""
        return self.state is JobState.STOPPED and self.reason.startswith("its deadline")

    @property
    def runs_at_home(self) -> bool:
        """True if the consumers of its own cluster run tasks of the job."""
        return self.run_on != WORK

    @property
    def takes_work(self) -> bool:
        """True if consumers that `kubeque work` started may run tasks of the job."""
        return WORK in self.run_on.split(",")

    def may_close(self, counts: Counts) -> bool:
        """True if the job may be closed: all tasks have ended, and no reset is unfinished.

        `counts`: present counts of the job.
        """
        return counts.ended == self.n and self.state not in (JobState.RESETTING, JobState.UNKNOWN)

    def is_same_run(self, other: Job) -> bool:
        """True if `other` is this job in the same run, so it was neither replaced nor reset in the meantime."""
        return self.uid == other.uid and self.run == other.run

    def is_overdue(self, now: float) -> bool:
        """True if the deadline has passed. `now`: time on the clock of the queue, Unix seconds."""
        return self.deadline is not None and now > self.deadline

    def is_orphan(self, now: float) -> bool:
        """True if the last poll by the waiting Airflow task is older than `orphan_after`.

        `now`: time on the clock of the queue, Unix seconds.
        """
        return bool(self.token) and self.orphan_after is not None and now > self.watched + self.orphan_after

    def waits_for_go(self, counts: Counts) -> bool:
        """True if all canaries have ended and the held tasks wait for `kubeque go`.

        `counts`: present counts of the job.
        """
        ended = counts.ended >= self.canaries and not counts.pending + counts.running
        return self.open and self.canaries > 0 and counts.held > 0 and ended

    def standing(self, counts: Counts) -> str:
        """Return one word for the state of the job, for example `success`, `failed`, `paused`, `held` or `waiting`.

        `counts`: present counts of the job.
        """
        if self.closing is not None:
            return "success" if self.closing.success else "failed" if self.state is JobState.ACTIVE else str(self.state)
        if self.paused:
            return "paused"
        if self.waits_for_go(counts):
            return "held"
        return str(self.state) if not self.open else "running" if counts.ended or counts.running else "waiting"

    def succeeds(self, counts: Counts) -> bool:
        """True if the job is a success with these final counts.

        This means: the job was not killed or stopped, and at most `allowed_failures` tasks have failed or were killed.
        """
        return self.state is JobState.ACTIVE and counts.failed + counts.killed <= self.allowed_failures

    @property
    def allowed_failures(self) -> int:
        if self.allow_failed.endswith("%"):
            return int(self.n * float(self.allow_failed[:-1]) / 100)
        return int(self.allow_failed)

    def spec_hash(self, revision: int) -> str:
        """Return the SHA-256 (hex) of the stored spec of a revision; empty if it is unknown."""
        return self.spec_hashes[revision - 1] if 0 < revision <= len(self.spec_hashes) else ""

    def with_spec(self, digest: str) -> Job:
        """Return the job with `digest` stored as the SHA-256 of the spec of the current revision."""
        known = self.spec_hashes[: self.revision - 1]
        return replace(self, spec_hashes=(*known, *[""] * (self.revision - 1 - len(known)), digest))

    def with_replaced(self, before: Job) -> Job:
        """Return the job as the successor of the job `before`, which it replaces."""
        return replace(self, replaced=(*before.replaced, (before.uid, before.closing is not None))[-REPLACED_JOBS:])

    def to_wire(self) -> dict[str, Any]:
        wire = {
            **write_fields(self),
            "reset": self.reset.to_wire() if self.reset else None,
            "shapes": [shape.to_wire() for shape in self.shapes],
            "budgets": self.budgets.to_wire(),
            "origin": dict(self.origin),
            "closing": self.closing.to_wire() if self.closing else None,
            "pause": self.pause.to_wire() if self.pause else None,
            "objects": self.objects.to_wire() if self.objects else None,
        }
        if self.state is JobState.UNKNOWN:
            wire["state"] = self.extra.get("state", self.state)
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any], **beside: Any) -> Job:
        """Return the job from its stored object. Raises one of UNREADABLE for a damaged object.

        `beside`: fields of the job that are stored outside of this object.
        """
        fields = read_fields(cls, wire) | beside
        check_fields(cls, beside)
        state, closing, pause, objects = JobState(wire["state"]), *map(wire.get, ("closing", "pause", "objects"))
        if state is JobState.UNKNOWN:
            fields["extra"] = {**fields.get("extra", {}), "state": wire["state"]}
        fields |= {
            "state": state,
            "shapes": tuple(map(Shape.from_wire, wire["shapes"])),
            "budgets": Budgets.from_wire(wire["budgets"]),
            "reset": ResetRule.from_wire(wire["reset"]) if wire.get("reset") else None,
            "spec_hashes": tuple(wire.get("spec_hashes", ())),
            "leaving": tuple(wire.get("leaving", ())),
            "replaced": tuple((str(uid), bool(ended)) for uid, ended, *_ in wire.get("replaced", ())),
            "peeks": tuple((index, until) for index, until, *_ in wire.get("peeks", ())),
            "closing": Closing.from_wire(closing) if closing else None,
            "pause": Pause.from_wire(pause) if pause else None,
            "objects": ClusterObjects.from_wire(objects) if objects else None,
        }
        job = cls(**fields)
        job._check_ranges()
        return job

    def _check_ranges(self) -> None:
        """Raise ValueError if a number or `allow_failed` is not valid."""
        if not (1 <= self.n <= MAX_TASKS and 0 <= self.floor < len(self.shapes) and self.revision >= 1):
            raise ValueError(f"{self.n} tasks, {len(self.shapes)} shapes, floor {self.floor}, revision {self.revision}")
        if min(self.lease_seconds, self.heartbeat_seconds) <= 0:
            raise ValueError(f"a lease of {self.lease_seconds} s and a heartbeat of {self.heartbeat_seconds} s")
        if not _ALLOWED.fullmatch(self.allow_failed):
            raise ValueError(f"allow_failed is {cut(repr(self.allow_failed), 60)}")


def new_uid() -> str:
    """Return a new uid for a job: 12 random characters (60 bits)."""
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    return "".join(secrets.choice(alphabet) for _ in range(12))
