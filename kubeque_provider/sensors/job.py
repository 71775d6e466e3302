"""Wait for a sweep, and repair what can be repaired meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubeque_provider.airflow_versions import BaseSensorOperator, PokeReturnValue, attempt, whose
from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.identity import resolve


class KubequeJobSensor(BaseSensorOperator):
    """Wait until a job has ended; fails naming the first failing rows if it is not a success.

    `job_id` is a name or the output of a KubequeSubmitOperator. Another try, or clearing the sensor alone, lets the
    rows that failed run again. Returns the pointer {job_id, conn_id, results, counts}.
    """

    template_fields: Sequence[str] = ("job_id", "kubeque_conn_id")
    template_ext: Sequence[str] = ()
    ui_color = "#f7eed7"

    def __init__(
        self,
        *,
        job_id: str | Mapping[str, Any],
        kubeque_conn_id: str | None = None,
        poke_interval: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.job_id = job_id
        self.kubeque_conn_id = kubeque_conn_id
        self._hook: KubequeHook | None = None

    def execute(self, context: Any) -> Any:
        """Poke until the job has ended. Raises SweepFailed, BadSweep."""
        try:
            return super().execute(context)
        finally:
            if self._hook is not None:
                self._hook.close()

    def poke(self, context: Any) -> PokeReturnValue:
        """One look at the job; consumers are started and lost tasks taken back by the way."""
        with permanent():
            name, conn_id = resolve(self.job_id, self.kubeque_conn_id)
            # One hook for all pokes of a process: it remembers who was silent since when.
            self._hook = self._hook or KubequeHook(conn_id)
            progress = self._hook.arrive(name, "/".join(map(str, whose(context))), attempt(context))
        self._hook.say(progress)
        if progress.job.closing is None:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._hook.deliver(progress))
