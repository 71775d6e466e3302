"""Find out whether rows failed by their own fault. The answer decides which rows a retry by Airflow runs again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job, JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.retries import OWN_FAULTS
from kubeque.model.job.task import FAILURE_CAUSES

#: Rows that a retry by Airflow runs again: rows that failed because of the machine, and rows that did not run.
MACHINE_ROWS = ResetRule(causes=tuple(cause.value for cause in FAILURE_CAUSES if cause not in OWN_FAULTS))


@dataclass(frozen=True, slots=True)
class Faults:
    """Numbers of rows that ended without success."""

    #: Number of rows that failed by `exit`, `signal` or `timeout`.
    own: int
    #: Number of rows that failed by a different cause, such as a lost machine, or that did not run.
    machine: int

    @property
    def only_own(self) -> bool:
        """True if all these rows failed by their own fault. They would fail again."""
        return self.own > 0 and not self.machine


def find_faults(job: Job, counts: Counts, causes: Mapping[str, int]) -> Faults:
    """Return the faults of an ended job. `causes`: number of its ended rows, by cause.

    Neither number includes rows that did not run because other rows had failed by their own fault.
    """
    own = sum(causes.get(cause.value, 0) for cause in OWN_FAULTS)
    machine = sum(causes.get(name, 0) for name in MACHINE_ROWS.causes)
    hopeless = counts.ok <= job.linked or (job.max_failures is not None and counts.failed >= job.max_failures)
    stopped = job.state is JobState.STOPPED and own > 0 and not machine and hopeless
    return Faults(own, machine if stopped else machine + counts.killed)
