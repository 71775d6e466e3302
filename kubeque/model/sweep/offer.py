"""The rule by which a consumer that `kubeque work` started chooses its jobs."""

from __future__ import annotations

import json
from dataclasses import asdict
from fnmatch import fnmatchcase

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.quantities import format_bytes, format_seconds


@dataclass(frozen=True, slots=True)
class Offer:
    """The machine, the time and the jobs that `kubeque work` offers."""

    #: Cores and bytes of memory that all tasks of this machine may use together.
    cores: float
    memory: int
    #: Names of the images whose programs are installed on this machine.
    tags: tuple[str, ...] = ()
    #: Pattern of the names of the jobs, with `*`, `?` and `[...]`.
    jobs: str = "*"
    #: Unix time at which the consumers leave, seconds; None: when nothing is left.
    until: float | None = None

    def wants(self, job: Job) -> bool:
        """True if the job allows consumers of `kubeque work`, and if its name matches the pattern."""
        return job.takes_work and fnmatchcase(job.name, self.jobs)

    def refuse(self, job: Job, spec: JobSpec) -> str:
        """Return the reason why the tasks of a job cannot run here, with a remedy; empty if they can."""
        memory = job.shapes[job.floor].memory or 0
        if spec.image and spec.image not in self.tags:
            return f"it asks for the image {spec.image}: if its programs are installed here, add --tags {spec.image}"
        if (spec.cpu or 0.0) > self.cores:
            return f"its tasks need {spec.cpu:g} cores, and {self.cores:g} are offered: raise --cpu"
        if memory > self.memory:
            needed, offered = format_bytes(memory), format_bytes(self.memory)
            return f"its tasks need {needed} of memory, and {offered} are offered: raise --memory"
        return ""

    def refuse_for_time(self, spec: JobSpec, now: float) -> str:
        """Return the reason why no task of a job may begin now; empty if tasks may begin. `now`: Unix time, seconds."""
        if self.until is None:
            return ""
        left, needed = self.until - now, spec.task_timeout or 0.0
        if left <= needed:
            limit = f", and a task may take {format_seconds(needed)}" if needed else ""
            return f"{format_seconds(max(left, 0.0))} are left{limit}: no further task begins here"
        return ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Offer:
        """Return the offer that `to_json` wrote."""
        wire = json.loads(text)
        return cls(**{**wire, "tags": tuple(wire["tags"])})
