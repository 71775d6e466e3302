"""The trigger that waits for a sweep in Airflow's triggerer.

One trigger waits for a whole sweep. Each poll runs in a thread, not in the event loop.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from kubeque.model.errors import KubequeError, UserError
from kubeque.model.wording import speaking
from kubeque_provider.hooks.kubeque import KubequeHook, Progress
from kubeque_provider.hooks.progress_log import LogLine, ProgressLog, write_lines
from kubeque_provider.log_text import CANARIES, waits_for_canaries
from kubeque_provider.waiter import Waiter
from kubeque_provider.wording import AIRFLOW

T = TypeVar("T")
#: Maximum number of concurrent polls in one triggerer. Further polls are queued.
_THREADS = 16
#: Maximum random change of an interval, as a fraction of the interval. It prevents all sweeps from polling at the same
#: time.
_JITTER = 0.2

_hooks: dict[str, KubequeHook] = {}
_hooks_lock = threading.Lock()


class KubequeSweepTrigger(BaseTrigger):
    """Send one event: "ended" if the job has ended, "timeout" at the deadline, or "bad" after a permanent error.

    With `until=CANARIES`, "ended" is sent when the canaries have ended. The arguments contain no secret, because the
    triggerer reads the connection itself. A new argument needs a default value, because Airflow also starts triggers
    that an older version of this provider has stored.
    """

    def __init__(
        self,
        *,
        job_id: str,
        kubeque_conn_id: str,
        dag_id: str,
        run_id: str,
        task_id: str,
        map_index: int = -1,
        attempt: int = 1,
        cancel_on_kill: bool = True,
        poke_interval: float = 10.0,
        deadline: float | None = None,
        limit: str = "",
        arrival: Mapping[str, Any] | None = None,
        first: int = 1,
        until: str = "",
    ) -> None:
        """Take the fields of a Waiter, and these arguments:

        `poke_interval`: seconds between two polls. `deadline`: Unix seconds; None means no deadline. `limit`: name of
        the time limit that sets the deadline. `arrival`: arguments of `KubequeHook.begin_wait` if no poll has succeeded
        yet, otherwise None. `until`: CANARIES, or empty for the end of the job.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.waiter = Waiter(
            job_id, kubeque_conn_id, dag_id, run_id, task_id, map_index, attempt, cancel_on_kill, first
        )
        self.poke_interval = poke_interval
        self.deadline = deadline
        self.limit = limit
        self.arrival = arrival
        self.until = until
        self._progress = ProgressLog()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments. Arguments that are None or empty are left out."""
        own = {
            "poke_interval": self.poke_interval, "deadline": self.deadline, "limit": self.limit,
            "arrival": self.arrival, "until": self.until,
        }  # fmt: skip
        given = {name: value for name, value in own.items() if value not in (None, "")}
        return f"{type(self).__module__}.{type(self).__qualname__}", {**self.waiter.as_dict(), **given}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the job until the event can be sent, and send it."""
        while True:
            try:
                progress, lines = await _in_thread(self._poll)
            except UserError as error:
                yield _event(status="bad", message=str(error))
                return
            except KubequeError as error:
                write_lines(self.log, self._progress.no_answer(error))
            else:
                write_lines(self.log, lines)
                held = self.until == CANARIES and not waits_for_canaries(progress)
                if held or progress.job.closing is not None:
                    yield _event(status="ended")
                    return
            if self.deadline is not None and time.time() > self.deadline:
                yield _event(status="timeout", limit=self.limit)
                return
            await asyncio.sleep(self.poke_interval * random.uniform(1 - _JITTER, 1 + _JITTER))

    async def on_kill(self) -> None:
        """Cancel the sweep if its Airflow task has ended for good.

        Airflow 3.3 and later call this when a user ends the task.
        """
        cancelled = await _in_thread(self.waiter.cancel_if_ended)
        self.log.info("the sweep %s %s", self.waiter.job_id, "is cancelled" if cancelled else "continues")

    def _poll(self) -> tuple[Progress, list[LogLine]]:
        """Return the progress of the job, and the lines for the log.

        The caller must write the lines in the event loop, because Airflow's log of a trigger works only there.
        """
        with speaking(AIRFLOW):
            progress = self._poll_once()
            return progress, self._progress.read(_hook(self.waiter.kubeque_conn_id).get_conn(), progress)

    def _poll_once(self) -> Progress:
        waiter, conn_id = self.waiter, self.waiter.kubeque_conn_id
        try:
            if self.arrival is None:
                return _hook(conn_id).poll(waiter.job_id, waiter.token)
            progress = _hook(conn_id).begin_wait(waiter.job_id, waiter.this_try, **self.arrival)
        except KubequeError:
            # The error may be caused by the connection, so the next poll reads the connection again.
            with _hooks_lock:
                _hooks.pop(conn_id, None)
            raise
        self.arrival = None
        return progress


def _hook(conn_id: str) -> KubequeHook:
    """Return the hook that all sweeps of a connection share.

    The hook remembers for how long each lease has not changed.
    """
    with _hooks_lock:
        if conn_id not in _hooks:
            hook = KubequeHook(conn_id)
            hook.get_conn()
            _hooks[conn_id] = hook
        return _hooks[conn_id]


def _event(**payload: str) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]


def forget_connections() -> None:
    """Clear the shared hooks, so that the next poll of each sweep reads its connection again."""
    with _hooks_lock:
        _hooks.clear()


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the pool of threads for polls.

    Other triggers do not use these threads, so a slow queue does not block them.
    """
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="kubeque")


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_pool(), work)
