"""Waiting for a sweep: who waits, what ends with the waiter, and the parts that operator and sensor share."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from kubeque.model.errors import ClusterError, QueueUnavailable, StorageError
from kubeque_provider.airflow_versions import (
    AirflowTaskTimeout,
)
from kubeque_provider.exceptions import BadSweep, permanent
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.waiter import Waiter

#: A sweep that nobody asked about for so long stops: its Airflow task was ended where no hook of ours is called.
ORPHAN_AFTER = timedelta(hours=12)
#: So many looks of who waits are the least that `orphan_after` may be: one may come late.
_LOOKS = 3
#: What goes away by itself: whoever waits goes on waiting.
_PASSING = (QueueUnavailable, StorageError, ClusterError)
#: Airflow kills a process five seconds after it asked it to end.
_DECIDE_SECONDS = 4.0


def seconds(value: timedelta | float | None) -> float | None:
    """A duration in seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def patience(orphan_after: timedelta | float | None, poke_interval: timedelta | float) -> timedelta | float | None:
    """`orphan_after` as it was said. Raises ValueError where the sweep would stop between two looks of who waits."""
    most, between = seconds(orphan_after), seconds(poke_interval)
    if most is not None and between is not None and most < _LOOKS * between:
        raise ValueError(
            f"orphan_after={most:g} s: with poke_interval={between:g} s the sweep would stop between two looks. "
            f"Give at least {_LOOKS * between:g} s, or None for never"
        )
    return orphan_after


class WaitsForSweep:
    """What an operator needs to wait for a sweep in its own process or in the triggerer."""

    # Of the operator:
    log: Any
    poke_interval: float
    execution_timeout: timedelta | None
    cancel_on_kill: bool
    orphan_after: timedelta | float | None
    retry_causes: Mapping[str, int] | None
    #: Set while this process waits.
    _waiter: Waiter | None = None
    _hook: KubequeHook | None = None
    #: Was the first look of this try made?
    _arrived: bool = False

    def _look(self, waiter: Waiter) -> Any:
        """How the job stands. The first look begins to wait: failed rows of an earlier try run again. Raises BadSweep.

        None, and a warning, where it cannot be seen now: the sweep does not need us.
        """
        self._waiter = waiter
        self._hook = self._hook or KubequeHook(waiter.kubeque_conn_id)
        try:
            with permanent():
                if self._arrived:
                    return self._hook.look(waiter.job_id, waiter.token)
                progress = self._hook.arrive(waiter.job_id, waiter.name, waiter.attempt, **self._terms())
        except _PASSING as error:
            self.log.warning("%s cannot be seen now, it is asked again: %s", waiter.job_id, error)
            return None
        self._arrived = True
        return progress

    def _terms(self) -> dict[str, Any]:
        """What who begins to wait says of the job."""
        retries = None if self.retry_causes is None else dict(self.retry_causes)
        return {"orphan_after": seconds(self.orphan_after), "retries": retries}

    def _defer(self, waiter: Waiter, *, timeout: float | None = None) -> None:
        """Wait in the triggerer. `timeout`: seconds from now, of the sensor."""
        from kubeque_provider.triggers.sweep import KubequeSweepTrigger

        limits = {"timeout": timeout, "execution_timeout": seconds(self.execution_timeout)}
        given = {name: limit for name, limit in limits.items() if limit is not None}
        first = min(given, key=lambda name: given[name], default="")
        trigger = KubequeSweepTrigger(
            **waiter.as_dict(), poke_interval=self.poke_interval,
            deadline=time.time() + given[first] if first else None, limit=first,
            arrival=None if self._arrived else self._terms(),
        )  # fmt: skip
        self.defer(trigger=trigger, method_name="execute_complete")  # type: ignore[attr-defined]

    def _after(self, waiter: Waiter, event: Mapping[str, Any]) -> dict[str, Any]:
        """What an event of the trigger means. Raises SweepFailed, BadSweep, AirflowTaskTimeout."""
        if event["status"] == "bad":
            raise BadSweep(str(event.get("message", "")))
        if event["status"] == "timeout":
            cancelled = self.cancel_on_kill and waiter.cancel()
            how = "it is cancelled" if cancelled else "it goes on"
            raise AirflowTaskTimeout(f"{waiter.job_id} had not ended at execution_timeout: {how}")
        self._arrived = True
        try:
            progress = self._look(waiter)
            if progress is None or progress.job.closing is None:  # out of sight, or somebody has reset it meanwhile
                self._defer(waiter)
            assert self._hook is not None
            self._hook.say(progress)
            return self._hook.deliver(progress)
        finally:
            if self._hook is not None:
                self._hook.close()

    def on_kill(self) -> None:
        """Called in a signal handler when the process shall end: by a person, a timeout, or a node that goes away."""
        waiter = self._waiter
        if waiter is None:
            return
        # In a thread: the handler may have interrupted the very conversation that the question needs.
        thread = threading.Thread(target=self._decide, args=(waiter,), daemon=True)
        thread.start()
        thread.join(_DECIDE_SECONDS)
        if thread.is_alive():
            self.log.warning("why this Airflow task ends cannot be told now: the sweep %s goes on", waiter.job_id)

    def _decide(self, waiter: Waiter) -> None:
        try:
            cancelled = waiter.cancel_if_ended()
        except Exception:  # whatever Airflow or the queue says here, the sweep goes on, and the log tells why
            self.log.exception("why this Airflow task ends cannot be told: the sweep %s goes on", waiter.job_id)
        else:
            self.log.info("the sweep %s %s", waiter.job_id, "is cancelled" if cancelled else "goes on")
