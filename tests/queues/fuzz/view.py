"""The backend as a participant sees it: with delays, a wrong clock, and a connection that fails."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from kubeque.model.errors import QueueUnavailable
from kubeque.queues.backends.backend import BlockRecord, Conflict
from kubeque.queues.backends.memory import MemoryBackend
from tests.queues.fuzz.checker import require
from tests.queues.fuzz.world import Participant, World
from tests.queues.unreliable import WRITES, Fault


@dataclass
class Weather:
    """Quality of the connection. It is the same for all participants."""

    #: Shares of calls.
    drop: float = 0.0
    refuse: float = 0.0
    late: float = 0.0
    #: Outages, in which no call is answered. Half-open intervals in virtual seconds since the start.
    outages: tuple[tuple[float, float], ...] = ()
    #: Nothing fails any more.
    calm: bool = False

    def fault(self, elapsed: float, rng: Random) -> Fault | None:
        draw = rng.random()
        if self.calm:
            return None
        if any(begin <= elapsed < end for begin, end in self.outages):
            return Fault.DROP if draw < 0.2 else Fault.REFUSE
        if draw < self.drop:
            return Fault.DROP
        if draw < self.drop + self.refuse:
            return Fault.REFUSE
        return Fault.LATE if draw < self.drop + self.refuse + self.late else None


class View:
    """A backend as one participant sees it. During every call, other participants can act."""

    def __init__(
        self, backend: MemoryBackend, me: Participant, weather: Weather, written: Callable[[Participant], None]
    ) -> None:
        self._store = backend
        self._me = me
        self._world: World = me.world
        self._weather = weather
        self._written = written

    def now(self) -> float:
        return self._world.time + self._me.skew

    def scan_blocks(self, *args: Any, **kwargs: Any) -> Any:
        """Return small pages, so that much can happen between two pages."""
        return self._call("scan_blocks", self._store.scan_blocks, args, kwargs | {"limit": 3})

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        action = getattr(self._store, operation)
        return lambda *args, **kwargs: self._call(operation, action, args, kwargs)

    def _call(self, operation: str, action: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        me, world = self._me, self._world
        me.pause(self._delay(me.rng))
        fault = self._weather.fault(world.elapsed, me.rng)
        if fault is None:
            return self._perform(operation, action, args, kwargs)
        world.note(me.name, f"{operation} {fault.name.lower()}", args)
        if fault is Fault.DROP:
            with suppress(Conflict):
                self._perform(operation, action, args, kwargs)
        elif fault is Fault.LATE and operation in WRITES and operation != "insert_job":
            world.later(me.rng.uniform(0.0, 20.0), lambda: self._land(operation, action, args, kwargs))
        raise QueueUnavailable(f"{operation}: no answer ({fault.name.lower()})")

    def _delay(self, rng: Random) -> float:
        """Return the duration of a call, seconds."""
        return rng.expovariate(1 / self._me.slowness) if rng.random() < 0.9 else rng.uniform(0.0, 3.0)

    def _land(self, operation: str, action: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with suppress(Conflict):
            self._perform(f"{operation} at last", action, args, kwargs)

    def _perform(
        self, operation: str, action: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        try:
            answer = action(*args, **kwargs)
        except Conflict:
            self._world.note(self._me.name, f"{operation} conflict", args)
            self._check_refusal(*args)
            raise
        if operation.split()[0] in WRITES:
            self._world.note(self._me.name, operation, args)
            self._written(self._me)
        return answer

    def _check_refusal(self, record: Any, inserts: Any = ()) -> None:
        """A block's change is refused because somebody changed it, and never because of its other content."""
        if isinstance(record, BlockRecord):
            now = self._store.get_block(record.uid, record.id)
            require(now is None or now.version != record.version, f"an id of {[new.id for new in inserts]} is taken")
