"""Retries by Airflow: which failed rows a retry runs again, and how a retry differs from a clear."""

from __future__ import annotations

from collections.abc import Mapping

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import FAILURE_CAUSES, Cause
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import ResetRule

#: Causes of failure by the row's own fault: the row would fail again. All other causes are faults of the machine.
OWN_FAULTS = frozenset({Cause.EXIT, Cause.SIGNAL, Cause.TIMEOUT})
#: Rows that a retry by Airflow runs again: rows that failed because of the machine, and rows that did not run. Rows
#: that a user killed stay killed.
MACHINE_ROWS = ResetRule(
    causes=tuple(cause.value for cause in FAILURE_CAUSES if cause not in {*OWN_FAULTS, Cause.KILLED})
)


@dataclass(frozen=True, slots=True)
class Try:
    """One try of an Airflow task. A job stores the wait token of the last try that waited for the job."""

    #: Name of the Airflow task. All its tries have the same name.
    task: str
    #: Number of the try, from 1.
    number: int
    #: Number of the first try since the last clear; 1 without a clear.
    first: int = 1

    @property
    def token(self) -> str:
        """Wait token of this try."""
        return f"{self.task}#{self.number}"

    def may_claim(self, token: str, tried: str) -> bool:
        """True if this try may take over the wait for a job that the same Airflow task submitted.

        False if a later try submitted the job or waited for it, or if another Airflow task waited for it.

        `token`: wait token of the job, which names the last try that waited for it; empty if no try has waited.
        `tried`: number of the try that submitted the job. If it is empty (unknown), the result is False.
        """
        task, _, number = token.rpartition("#")
        waited = not token or (task == self.task and number.isdecimal() and int(number) <= self.number)
        return waited and tried.isdecimal() and int(tried) <= self.number

    def is_fresh(self, token: str) -> bool:
        """True for the first try of an Airflow task, and for the first try after a clear. False for a retry by Airflow.

        `token`: wait token of the job. The result is also True in two special cases. First, the token names a try
        before the last clear: the first try after the clear was lost before it could store its token. Second, the token
        names this try: a user has run the same try again.
        """
        if self.number <= self.first or token == self.token:
            return True
        task, _, number = token.rpartition("#")
        return self.first > 1 and task == self.task and number.isdecimal() and int(number) < self.first


@dataclass(frozen=True, slots=True)
class Faults:
    """Numbers of rows that ended without success: through faults of the rows' own program, and of the machine."""

    #: Number of rows that failed with the cause `exit`, `signal` or `timeout`, or that a user killed.
    own: int
    #: Number of rows that failed with another cause, such as a lost machine, or that did not run.
    machine: int

    @property
    def only_own(self) -> bool:
        """True if a retry by Airflow would run no row, because no row failed by a fault of the machine.

        At least one row then failed through its own fault, or a user killed it.
        """
        return self.own > 0 and not self.machine


def find_faults(job: Job, counts: Counts, causes: Mapping[str, int]) -> Faults:
    """Return the faults of an ended job. `causes`: number of failed rows of the job, by cause.

    kubeque may have stopped the job because rows failed by `exit`, `signal` or `timeout`. In this case, the rows that
    did not run are not counted.
    """
    own = sum(causes.get(cause.value, 0) for cause in OWN_FAULTS)
    machine = sum(causes.get(name, 0) for name in MACHINE_ROWS.causes)
    hopeless = counts.ok <= job.linked or (job.max_failures is not None and counts.failed >= job.max_failures)
    stopped = job.state is JobState.STOPPED and own > 0 and not machine and hopeless
    killed = causes.get(Cause.KILLED.value, 0)
    return Faults(own + killed, machine if stopped else machine + counts.killed - killed)
