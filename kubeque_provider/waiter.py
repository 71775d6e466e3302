"""Wait for a sweep inside an Airflow task."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from kubeque_provider.airflow_versions import GONE, attempt, state_of, whose
from kubeque_provider.hooks.kubeque import KubequeHook

#: States of an Airflow task in which nobody will ever wait for its sweep again.
_ENDED = frozenset({"failed", "success", "skipped", "removed", "upstream_failed", GONE})


@dataclass(frozen=True, slots=True)
class Waiter:
    """One try of one Airflow task that waits for one job. Plain values: it goes to the triggerer."""

    job_id: str
    kubeque_conn_id: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    #: The try, from 1.
    attempt: int
    #: Does an Airflow task that ends for good end its sweep as well?
    cancel_on_kill: bool = True

    @classmethod
    def of(cls, context: Any, job_id: str, conn_id: str, *, cancel_on_kill: bool) -> Waiter:
        """Who waits in this context."""
        return cls(job_id, conn_id, *whose(context), attempt(context), cancel_on_kill)

    @property
    def name(self) -> str:
        """The Airflow task, for all of its tries."""
        return f"{self.dag_id}/{self.run_id}/{self.task_id}/{self.map_index}"

    @property
    def token(self) -> str:
        """This try. Only who took the job last may cancel it."""
        return f"{self.name}#{self.attempt}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def cancel_if_ended(self) -> bool:
        """Cancel the sweep if this Airflow task has ended for good, not where it was cleared, retries, or moves on.

        Only while this try is the one that waits. Was it cancelled? Not to be called from an event loop.
        """
        state = state_of(self.dag_id, self.run_id, self.task_id, self.map_index)
        return self.cancel_on_kill and state in _ENDED and self.cancel()

    def cancel(self) -> bool:
        """Kill the job if this try is the one that waits for it. Was it killed?"""
        hook = KubequeHook(self.kubeque_conn_id)
        try:
            return hook.get_conn().cancel(self.job_id, self.token)
        finally:
            hook.close()
