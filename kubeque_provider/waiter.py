"""A try of an Airflow task that waits for a sweep. When the try ends, it may cancel the sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import JobExists, JobNotFound
from kubeque_provider.airflow_retries import Try
from kubeque_provider.airflow_versions import GONE, first_try_number, read_task_state, task_key, try_number
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.origin.addresses import refuse_foreign

#: XCom key under which a sensor in reschedule mode stores its waiter, for the listener.
WAITER = "kubeque_waiter"
#: States of an Airflow task that has ended for good: no later try waits for its sweep.
_ENDED = frozenset({"failed", "success", "skipped", "removed", "upstream_failed", GONE})


@dataclass(frozen=True, slots=True)
class Waiter:
    """One try of an Airflow task that waits for one job.

    Do not rename the fields, because Airflow's database stores them as arguments of the trigger.
    """

    job_id: str
    kubeque_conn_id: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    #: Number of the try, from 1.
    attempt: int
    #: True if the sweep is cancelled when the Airflow task has ended for good.
    cancel_on_kill: bool = True
    #: Number of the first try since the last clear.
    first: int = 1

    @classmethod
    def from_context(cls, context: Any, job_id: str, conn_id: str, *, cancel_on_kill: bool) -> Waiter:
        """Return the waiter for the running Airflow task. `context`: its Airflow context."""
        number, first = try_number(context), first_try_number(context)
        return cls(job_id, conn_id, *task_key(context), number, cancel_on_kill, first)

    @property
    def this_try(self) -> Try:
        """The try of the Airflow task."""
        return Try(f"{self.dag_id}/{self.run_id}/{self.task_id}/{self.map_index}", self.attempt, self.first)

    @property
    def token(self) -> str:
        """Wait token of this try. A job accepts a cancellation only from the try that sent its token last."""
        return self.this_try.token

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, keyed by name. The trigger takes them as arguments."""
        return asdict(self)

    def cancel_if_ended(self, origin: Mapping[str, str] | None = None) -> bool:
        """Cancel the sweep if its Airflow task has ended for good. Return True if the sweep was cancelled.

        A task that is cleared, retried or moved to another process has not ended for good. A sweep that a later try has
        adopted is not cancelled. This call blocks, so do not use it in an event loop. `origin`: see `cancel`.
        """
        state = read_task_state(self.dag_id, self.run_id, self.task_id, self.map_index)
        return self.cancel_on_kill and state in _ENDED and self.cancel(origin)

    def cancel(self, origin: Mapping[str, str] | None = None) -> bool:
        """Kill the job if it still has the wait token of this try, and if no other Airflow submitted it.

        Return True if the job was killed.

        `origin`: origin of the Airflow task if this task submits the job itself. With `origin`, the job is also killed
        if the try ended between the submission and its first poll.
        """
        hook = KubequeHook(self.kubeque_conn_id)
        try:
            client = hook.get_conn()
            refuse_foreign(client, self.job_id)
            if origin is not None:
                hook.claim(self.job_id, self.this_try, origin)
            return client.cancel(self.job_id, self.token)
        except JobExists as error:
            hook.log.warning("%s", error)
            return False
        finally:
            hook.close()

    def describe_outcome(self, *, cancelled: bool) -> str:
        """Return what happens to the sweep after this try, as words that follow the name of the job in a message."""
        if cancelled:
            return "is cancelled"
        hook = KubequeHook(self.kubeque_conn_id)
        try:
            return "continues" if hook.get_conn().job(self.job_id).open else "has already ended"
        except JobNotFound:
            return "was not submitted"
        finally:
            hook.close()
