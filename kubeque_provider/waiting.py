"""Wait for a sweep, in the process of the submit operator or the sensor, or in the triggerer."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeGuard

from kubeque.model.errors import ClusterError, QueueUnavailable, StorageError
from kubeque_provider.airflow_versions import AirflowTaskTimeout, dag_folder
from kubeque_provider.exceptions import BadArgument, BadSweep, permanent
from kubeque_provider.hooks.canaries import deliver_canaries
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.log_text import CANARIES, waits_for_canaries
from kubeque_provider.waiter import Waiter

#: Default of `orphan_after`: a sweep stops if its Airflow task has not polled it for this time. Such a task has ended
#: without a call of `on_kill`.
ORPHAN_AFTER = timedelta(hours=12)
#: `orphan_after` must span at least this many polls, because a poll can be late.
_MIN_POLLS = 3
#: Maximum length of a time to compare, in seconds (300 years).
_MAX_SECONDS = 1e10
#: Temporary errors, after which the Airflow task polls again.
_PASSING = (QueueUnavailable, StorageError, ClusterError)
#: Maximum time in seconds for the decision in `on_kill` whether to cancel the sweep. Airflow kills a process five
#: seconds after SIGTERM.
_DECIDE_SECONDS = 4.0


def to_seconds(value: timedelta | float | None) -> float | None:
    """Return a duration in seconds. A number, or None, is returned unchanged."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def check_orphan_after(
    orphan_after: timedelta | float | None, poke_interval: timedelta | float
) -> timedelta | float | None:
    """Return `orphan_after` unchanged.

    Raises BadArgument if `orphan_after` is so short that the sweep would stop between two polls.
    """
    most, between = to_seconds(orphan_after), to_seconds(poke_interval)
    if _is_number(most) and _is_number(between) and most < _MIN_POLLS * between:  # other types are refused later
        raise BadArgument(
            f"orphan_after={most:g} s is too short: with poke_interval={between:g} s the sweep would stop between"
            f" two polls. Give at least {_MIN_POLLS * between:g} s, or None for no limit"
        )
    return orphan_after


def _is_number(value: object) -> TypeGuard[float]:
    """True if a value is a number that can be a duration in seconds.

    A bool is not accepted, although it is an int in Python.
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MAX_SECONDS


def check_wait(wait: bool | None, *, deferrable: bool) -> bool | None:
    """Return `wait` unchanged. Raises BadArgument if it contradicts `deferrable`."""
    if wait is False and deferrable:
        raise BadArgument(
            "wait=False and deferrable=True exclude each other, because only an Airflow task that waits can be"
            " deferred: leave one of the two out"
        )
    return wait


def find_given(arguments: Mapping[str, Any], default_args: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the names of the arguments whose values do not come from the `default_args` of a DAG or a task group."""
    defaults = default_args or {}
    return tuple(name for name, value in arguments.items() if not (name in defaults and defaults[name] == value))


class WaitsForSweep:
    """Mixin of operators that wait for a sweep in their own process or in the triggerer."""

    # Attributes of the operator:
    log: Any
    poke_interval: float
    execution_timeout: timedelta | None
    cancel_on_kill: bool
    orphan_after: timedelta | float | None
    retry_causes: Mapping[str, int] | None
    retry_failed_rows: bool
    retries: int | None
    #: The waiter while this process waits.
    _waiter: Waiter | None = None
    #: Origin of this Airflow task, if it submits the job itself.
    _origin: Mapping[str, str] | None = None
    _hook: KubequeHook | None = None
    #: True once the first poll of this try succeeded.
    _has_begun: bool = False

    @property
    def _until(self) -> str:
        """Event that ends the wait: CANARIES, or empty for the end of the job."""
        return ""

    def _poll(self, waiter: Waiter) -> Any:
        """Poll the job and return its progress.

        If the queue, the store or the cluster does not answer, warn and return None.
        Raises BadSweep.

        If this try is not the first one, its first poll runs failed rows again (see `KubequeHook.begin_wait`).
        """
        self._waiter = waiter
        self._hook = self._hook or KubequeHook(waiter.kubeque_conn_id)
        try:
            with permanent():
                if self._has_begun:
                    return self._hook.poll(waiter.job_id, waiter.token)
                progress = self._hook.begin_wait(waiter.job_id, waiter.this_try, **self._wait_options())
        except _PASSING as error:
            self._hook.job_log.no_answer(error)
            return None
        self._has_begun = True
        return progress

    def _wait_options(self) -> dict[str, Any]:
        """Return the arguments for `KubequeHook.begin_wait` that the operator sets."""
        retries = None if self.retry_causes is None else dict(self.retry_causes)
        return {
            "orphan_after": to_seconds(self.orphan_after), "retries": retries,
            "retry_failed_rows": self.retry_failed_rows,
        }  # fmt: skip

    def _delivery_options(self) -> dict[str, Any]:
        """Return the arguments for `KubequeHook.deliver` that the operator sets."""
        return {
            "retry_failed_rows": self.retry_failed_rows, "retries": int(self.retries or 0),
            "folders": self._script_folders(),
        }  # fmt: skip

    def _script_folders(self) -> list[Path]:
        """Return the folder of the DAG file, and other folders with modules that the script of the rows may import."""
        return [Path(dag_folder(self)).absolute()]

    def _defer(self, waiter: Waiter, *, timeout: float | None = None) -> None:
        """Continue the wait in the triggerer, and end this process.

        `timeout`: the sensor's time limit, in seconds from now.
        """
        from kubeque_provider.triggers.sweep import KubequeSweepTrigger

        limits = {"timeout": timeout, "execution_timeout": to_seconds(self.execution_timeout)}
        given = {name: limit for name, limit in limits.items() if limit is not None}
        nearest = min(given, key=lambda name: given[name], default="")
        trigger = KubequeSweepTrigger(
            **waiter.as_dict(), poke_interval=self.poke_interval,
            deadline=time.time() + given[nearest] if nearest else None, limit=nearest,
            arrival=None if self._has_begun else self._wait_options(), until=self._until,
        )  # fmt: skip
        self.defer(trigger=trigger, method_name="execute_complete")  # type: ignore[attr-defined]

    def _is_over(self, progress: Any) -> bool:
        """True if the wait is over: the job is closed, or the canaries have ended and the wait is only for them."""
        return progress.job.closing is not None or (self._until == CANARIES and not waits_for_canaries(progress))

    def _finish(self, waiter: Waiter, progress: Any, context: Any) -> dict[str, Any]:
        """Return the pointer to the job after the wait. Raises SweepFailed or RowsFailed if the sweep failed."""
        assert self._hook is not None
        if progress.job.closing is None:
            return deliver_canaries(self._hook, progress, waiter.token, context)
        return self._hook.deliver(progress, **self._delivery_options())

    def _handle_event(self, waiter: Waiter, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Return the pointer to the job after an event of the trigger.

        Raises SweepFailed, BadSweep or AirflowTaskTimeout.

        If the job, or its canaries, have not ended, the wait continues in the triggerer.
        """
        if event["status"] == "bad":
            raise BadSweep(str(event.get("message", "")))
        if event["status"] == "timeout":
            how = self._cancel_at_timeout(waiter)
            raise AirflowTaskTimeout(f"{waiter.job_id} had not ended at execution_timeout: the sweep {how}")
        self._has_begun = True
        try:
            progress = self._poll(waiter)
            if progress is None or not self._is_over(progress):  # no answer, or reset in the meantime
                self._defer(waiter)
            assert self._hook is not None
            self._hook.job_log.progress(self._hook.get_conn(), progress)
            return self._finish(waiter, progress, context)
        finally:
            if self._hook is not None:
                self._hook.close()

    def _end_at_timeout(self) -> None:
        """Cancel the sweep at `execution_timeout` if `cancel_on_kill` is True. Log whether the sweep continues.

        `on_kill` could not do this: when Airflow calls it later, Airflow still records this Airflow task as running.
        """
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self.log.warning("execution_timeout: the sweep %s %s", waiter.job_id, self._cancel_at_timeout(waiter))

    def _cancel_at_timeout(self, waiter: Waiter) -> str:
        """Cancel the sweep if `cancel_on_kill` is True. Return what happened to it, as words for a message."""
        try:
            cancelled = self.cancel_on_kill and waiter.cancel(self._origin)
            return waiter.describe_outcome(cancelled=cancelled)
        except Exception as error:  # the timeout is the error that Airflow must get
            return f"continues, because it could not be cancelled ({error})"

    def on_kill(self) -> None:
        """Cancel the sweep if this Airflow task has ended for good. Airflow calls this in its SIGTERM handler."""
        waiter = self._waiter
        if waiter is None:
            return
        # Use a thread: the handler may have interrupted a use of the connection that this request needs.
        thread = threading.Thread(target=self._cancel_if_ended, args=(waiter,), daemon=True)
        thread.start()
        thread.join(_DECIDE_SECONDS)
        if thread.is_alive():
            self.log.warning(
                "the sweep %s continues, because Airflow gave no reason for the end of this Airflow task within %g s",
                waiter.job_id,
                _DECIDE_SECONDS,
            )

    def _cancel_if_ended(self, waiter: Waiter) -> None:
        try:
            outcome = waiter.describe_outcome(cancelled=waiter.cancel_if_ended(self._origin))
        except Exception:  # after any error, the sweep continues, and the log has the reason
            self.log.exception(
                "the sweep %s continues, because the reason for the end of this Airflow task cannot be read",
                waiter.job_id,
            )
        else:
            self.log.info("the sweep %s %s", waiter.job_id, outcome)
