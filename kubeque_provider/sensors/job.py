"""The sensor that waits for a sweep, and that meanwhile restarts consumers and reruns lost tasks."""

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
    own_xcom,
)
from kubeque_provider.arguments import check_arguments, check_keywords
from kubeque_provider.assets import write_asset_events
from kubeque_provider.downstream import WAITS
from kubeque_provider.empty_sweep import is_empty_pointer
from kubeque_provider.exceptions import RowsFailed, permanent
from kubeque_provider.hooks.other_run import is_fixed_name, log_other_run
from kubeque_provider.links.sweep import SWEEP_LINKS
from kubeque_provider.naming import check_rendered, find_template, resolve_job
from kubeque_provider.parsing.checks import check_parsed
from kubeque_provider.templating import RendersNone
from kubeque_provider.waiter import WAITER, Waiter
from kubeque_provider.waiting import ORPHAN_AFTER, WaitsForSweep, check_orphan_after


class KubequeJobSensor(WaitsForSweep, RendersNone, BaseSensorOperator):
    """Wait until a job has ended. If the job is not a success, the sensor fails, and its message lists failed rows.

    `job_id`: a name or the output of a KubequeSubmitOperator.

    If Airflow retries the sensor, or if a user clears only the sensor, failed rows run again. Returns the pointer
    {job_id, conn_id, results, counts}.
    """

    template_fields: Sequence[str] = ("job_id", "retry_causes", "kubeque_conn_id")
    template_ext: Sequence[str] = ()
    operator_extra_links = SWEEP_LINKS
    ui_color = "#f7eed7"
    sweep_role = WAITS

    def __init__(
        self,
        *,
        job_id: str | Mapping[str, Any],
        kubeque_conn_id: str | None = None,
        poke_interval: timedelta | float = 10.0,
        deferrable: bool = default_deferrable(),
        retry_causes: Mapping[str, int] | None = None,
        cancel_on_kill: bool = True,
        orphan_after: timedelta | float | None = ORPHAN_AFTER,
        retry_failed_rows: bool = False,
        **kwargs: Any,
    ) -> None:
        """Take the arguments of Airflow's sensors, and these:

        `poke_interval`: seconds between two polls. With mode="reschedule", give at least 10: if a task is queued again
        sooner, Airflow can mark it as failed.
        `deferrable`: wait in the triggerer. `retry_causes`: number of extra attempts of a row, by cause. This replaces
        the job's own setting.
        `cancel_on_kill`: kill the sweep if this Airflow task ends for good. The task ends for good if it is marked as
        success or failed, is deleted, or exceeds `execution_timeout`. After the sensor's own `timeout`, the sweep
        continues. `orphan_after`: stop the sweep if this task has not polled it for this time. This limit is for cases
        in which Airflow does not report the end of this task. None: never.
        `retry_failed_rows`: a retry by Airflow also reruns the rows that failed with the cause exit, signal or timeout.
        """
        check_keywords(self, kwargs)
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.job_id = job_id
        self._job_template = find_template(job_id)
        self._job_is_fixed = is_fixed_name(self, job_id)
        self.kubeque_conn_id = kubeque_conn_id
        self.deferrable = deferrable
        self.retry_causes = retry_causes
        self.cancel_on_kill = cancel_on_kill
        self.retry_failed_rows = retry_failed_rows
        #: Failure of the sweep. `poke` keeps it for `execute`, because with `soft_fail` Airflow's base class would
        #: convert it to a skip.
        self._failure: RowsFailed | None = None
        self.orphan_after = check_orphan_after(orphan_after, self.poke_interval)
        check_parsed(self)

    def execute(self, context: Any) -> Any:
        """Wait until the job has ended, and return the pointer to it.

        Raises SweepFailed, BadSweep or AirflowSensorTimeout.
        """
        if is_empty_pointer(self.job_id):
            self.log.info("the sweep has no rows: there is nothing to wait for")
            return write_asset_events(self, context, dict(self.job_id))
        try:
            if self.deferrable:
                return self._wait_deferred(context)
            pointer = super().execute(context)
            if self._failure is not None:
                raise self._failure
            return pointer
        except AirflowTaskTimeout:
            self._end_at_timeout()
            raise
        finally:
            if self._hook is not None:
                self._hook.close()

    def _wait_deferred(self, context: Any) -> Any:
        waiter = self._make_waiter(context)
        progress = self._poll_and_link(context, waiter)
        if progress is None or progress.job.closing is None:
            self._defer(waiter, timeout=self.timeout)
        return self._deliver(context, progress)

    def _deliver(self, context: Any, progress: Any) -> dict[str, Any]:
        assert self._hook is not None
        pointer = self._hook.deliver(progress, **self._delivery_options())
        return write_asset_events(self, context, pointer)

    def _poll_and_link(self, context: Any, waiter: Waiter) -> Any:
        """Poll the job and return its progress, as `_poll` does.

        After the first successful poll, also push the links to XCom.
        """
        arrived, progress = self._has_begun, self._poll(waiter)
        if progress is not None and not arrived:
            assert self._hook is not None
            self._hook.push_links(context, progress)
            if not (self.reschedule and own_xcom(context, WAITER)):  # in reschedule mode, each poke is a new process
                log_other_run(self, progress.job, context, "waits for", fixed=self._job_is_fixed)
            if self.reschedule:
                context["ti"].xcom_push(key=WAITER, value=waiter.as_dict())
        return progress

    def _make_waiter(self, context: Any) -> Waiter:
        with permanent():
            check_rendered(self.job_id, self._job_template)
            check_arguments(self)
            name, conn_id = resolve_job(self.job_id, self.kubeque_conn_id)
        return Waiter.from_context(context, name, conn_id, cancel_on_kill=self.cancel_on_kill)

    def poke(self, context: Any) -> PokeReturnValue:
        """Poll the job once. In the returned value, `is_done` is True if the job has ended.

        A poll also starts missing consumers and ends the leases of dead consumers.
        """
        # All pokes of a process use one hook, because the hook remembers for how long each lease has not changed.
        progress = self._poll_and_link(context, self._waiter or self._make_waiter(context))
        if progress is None:
            return PokeReturnValue(is_done=False)
        assert self._hook is not None
        self._hook.job_log.progress(self._hook.get_conn(), progress)
        if progress.job.closing is None:
            return PokeReturnValue(is_done=False)
        try:
            return PokeReturnValue(True, self._deliver(context, progress))
        except RowsFailed as failure:
            if not self.soft_fail:
                raise
            self._failure = failure
            return PokeReturnValue(is_done=True)

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:
        """Return the pointer to the job after an event of the trigger.

        Raises SweepFailed, BadSweep, AirflowSensorTimeout or AirflowTaskTimeout. With `soft_fail`, raises
        AirflowSkipException instead of AirflowSensorTimeout.
        """
        if event["status"] == "timeout" and event.get("limit") == "timeout":
            message = f"{self._make_waiter(context).job_id} had not ended after {self.timeout:g} s; the sweep continues"
            raise AirflowSkipException(message) if self.soft_fail else AirflowSensorTimeout(message)
        return write_asset_events(self, context, self._handle_event(self._make_waiter(context), event, context))
