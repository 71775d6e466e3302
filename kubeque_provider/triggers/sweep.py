"""Wait for a sweep in the triggerer: one poll for a whole sweep, never in the event loop itself."""

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
from kubeque_provider.hooks.kubeque import KubequeHook, Progress
from kubeque_provider.log_text import progress_line
from kubeque_provider.waiter import Waiter

T = TypeVar("T")
#: Polls at the same time in one triggerer; more wait for their turn, and the event loop goes on.
_THREADS = 16
#: A poll comes this much sooner or later, so that many sweeps do not ask at once.
_JITTER = 0.2

_hooks: dict[str, KubequeHook] = {}
_hooks_lock = threading.Lock()


class KubequeSweepTrigger(BaseTrigger):
    """Fires once when the job has ended ("ended"), at the deadline ("timeout") or where there is none ("bad").

    Its arguments hold no secret: the connection is read in the triggerer, in a thread. They only ever grow, each with a
    default, so that a sweep that was deferred by an older version goes on.
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
    ) -> None:
        """`poke_interval`: seconds. `deadline`: Unix seconds; `limit` is what set it, for the event.

        `arrival`: `orphan_after` and `retries` of `KubequeHook.arrive`, where the queue was away for the first look.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.waiter = Waiter(job_id, kubeque_conn_id, dag_id, run_id, task_id, map_index, attempt, cancel_on_kill)
        self.poke_interval = poke_interval
        self.deadline = deadline
        self.limit = limit
        self.arrival = arrival

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class and arguments. What says nothing is left out."""
        own = {
            "poke_interval": self.poke_interval, "deadline": self.deadline, "limit": self.limit,
            "arrival": self.arrival,
        }  # fmt: skip
        given = {name: value for name, value in own.items() if value not in (None, "")}
        return f"{type(self).__module__}.{type(self).__qualname__}", {**self.waiter.as_dict(), **given}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until there is something to say."""
        said = ""
        while True:
            try:
                progress = await _in_thread(self._look)
            except UserError as error:
                yield _event(status="bad", message=str(error))
                return
            except KubequeError as error:
                self.log.warning("%s cannot be seen now, it is asked again: %s", self.waiter.job_id, error)
            else:
                line = progress_line(progress.counts)
                if line != said:
                    self.log.info("%s: %s", self.waiter.job_id, line)
                    said = line
                if progress.job.closing is not None:
                    yield _event(status="ended")
                    return
            if self.deadline is not None and time.time() > self.deadline:
                yield _event(status="timeout", limit=self.limit)
                return
            await asyncio.sleep(self.poke_interval * random.uniform(1 - _JITTER, 1 + _JITTER))

    async def on_kill(self) -> None:
        """A person has acted on the Airflow task (Airflow 3.3 and later): cancel the sweep unless it goes on."""
        cancelled = await _in_thread(self.waiter.cancel_if_ended)
        self.log.info("the sweep %s %s", self.waiter.job_id, "is cancelled" if cancelled else "goes on")

    def _look(self) -> Progress:
        waiter, conn_id = self.waiter, self.waiter.kubeque_conn_id
        try:
            if self.arrival is None:
                return _hook(conn_id).look(waiter.job_id, waiter.token)
            progress = _hook(conn_id).arrive(waiter.job_id, waiter.name, waiter.attempt, **self.arrival)
        except KubequeError:
            # The next poll reads the connection anew: it may be that what was wrong.
            with _hooks_lock:
                _hooks.pop(conn_id, None)
            raise
        self.arrival = None
        return progress


def _hook(conn_id: str) -> KubequeHook:
    """One hook for all sweeps of a connection: it remembers who was silent since when."""
    with _hooks_lock:
        if conn_id not in _hooks:
            hook = KubequeHook(conn_id)
            hook.get_conn()
            _hooks[conn_id] = hook
        return _hooks[conn_id]


def _event(**payload: str) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]


def forget_connections() -> None:
    """Read every connection anew with the next poll."""
    with _hooks_lock:
        _hooks.clear()


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads of our own: a slow queue must not hold those that other triggers need."""
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="kubeque")


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_pool(), work)
