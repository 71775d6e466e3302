"""Wait for a sweep, and repair what can be repaired meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from kubeque_provider.airflow_versions import (
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    default_deferrable,
)
from kubeque_provider.assets import tell_assets
from kubeque_provider.exceptions import permanent
from kubeque_provider.links.sweep import SWEEP_LINKS
from kubeque_provider.naming import resolve
from kubeque_provider.waiter import Waiter
from kubeque_provider.waiting import ORPHAN_AFTER, WaitsForSweep, patience


class KubequeJobSensor(WaitsForSweep, BaseSensorOperator):
    """Wait until a job has ended; fails naming the first failing rows if it is not a success.

    `job_id` is a name or the output of a KubequeSubmitOperator. Another try, or clearing the sensor alone, lets the
    rows that failed run again. Returns the pointer {job_id, conn_id, results, counts}.
    """

    template_fields: Sequence[str] = ("job_id", "retry_causes", "kubeque_conn_id")
    template_ext: Sequence[str] = ()
    operator_extra_links = SWEEP_LINKS
    ui_color = "#f7eed7"

    def __init__(
        self,
        *,
        job_id: str | Mapping[str, Any],
        kubeque_conn_id: str | None = None,
        poke_interval: float = 10.0,
        deferrable: bool = default_deferrable(),
        retry_causes: Mapping[str, int] | None = None,
        cancel_on_kill: bool = True,
        orphan_after: timedelta | float | None = ORPHAN_AFTER,
        **kwargs: Any,
    ) -> None:
        """`poke_interval`: seconds; with mode="reschedule" 10 or more, or Airflow may fail a try queued too soon.

        `deferrable`: wait in the triggerer. `retry_causes`: extra attempts of a row by cause, in place of the job's.

        `cancel_on_kill`: where this Airflow task is ended for good (marked, deleted, out of time), its sweep is too.
        Where Airflow tells nobody of that, the sweep stops once nobody has looked for `orphan_after`; None: never.
        """
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.job_id = job_id
        self.kubeque_conn_id = kubeque_conn_id
        self.deferrable = deferrable
        self.retry_causes = retry_causes
        self.cancel_on_kill = cancel_on_kill
        self.orphan_after = patience(orphan_after, self.poke_interval)

    def execute(self, context: Any) -> Any:
        """Wait until the job has ended. Raises SweepFailed, BadSweep, AirflowSensorTimeout."""
        try:
            if self.deferrable:
                return self._wait_deferred(context)
            return super().execute(context)
        except AirflowTaskTimeout:
            if self.cancel_on_kill and self._waiter is not None:
                self._waiter.cancel()
            raise
        finally:
            if self._hook is not None:
                self._hook.close()

    def _wait_deferred(self, context: Any) -> Any:
        waiter = self._who(context)
        progress = self._see(context, waiter)
        if progress is None or progress.job.closing is None:
            self._defer(waiter, timeout=self.timeout)
        assert self._hook is not None
        return tell_assets(self, context, self._hook.deliver(progress))

    def _see(self, context: Any, waiter: Waiter) -> Any:
        """As `_look`; what is seen first is linked to."""
        arrived, progress = self._arrived, self._look(waiter)
        if progress is not None and not arrived:
            assert self._hook is not None
            self._hook.keep_links(context, progress.job)
        return progress

    def _who(self, context: Any) -> Waiter:
        with permanent():
            name, conn_id = resolve(self.job_id, self.kubeque_conn_id)
        return Waiter.of(context, name, conn_id, cancel_on_kill=self.cancel_on_kill)

    def poke(self, context: Any) -> PokeReturnValue:
        """One look at the job; consumers are started and lost tasks taken back by the way."""
        # One hook for all pokes of a process: it remembers who was silent since when.
        progress = self._see(context, self._waiter or self._who(context))
        if progress is None:
            return PokeReturnValue(is_done=False)
        assert self._hook is not None
        self._hook.say(progress)
        if progress.job.closing is None:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(True, tell_assets(self, context, self._hook.deliver(progress)))

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:
        """The triggerer has seen the end. Raises SweepFailed, BadSweep, AirflowSensorTimeout, AirflowTaskTimeout."""
        if event["status"] == "timeout" and event.get("limit") == "timeout":
            message = f"{self._who(context).job_id} had not ended after {self.timeout:g} s; it goes on"
            raise AirflowSkipException(message) if self.soft_fail else AirflowSensorTimeout(message)
        return tell_assets(self, context, self._after(self._who(context), event))
