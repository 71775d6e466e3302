"""A world whose clock is virtual and in which exactly one participant acts at a time, in an order given by a seed.

Participants are threads that pass a baton: a pausing thread adds itself to the agenda, and the next one in it
continues. All events are therefore repeatable, and no thread waits in real time.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from random import Random
from typing import Any


class Violation(AssertionError):
    """The queue broke its word."""


class Killed(BaseException):
    """This participant dies here: not an Exception, so that no code under test can survive it."""


class Participant:
    """One process of the real world: a consumer, a reaper, somebody at a terminal."""

    def __init__(self, world: World, name: str, skew: float) -> None:
        self.world = world
        self.name = name
        #: How wrong its clock is, seconds.
        self.skew = skew
        self.rng = Random(f"{world.seed}/{name}")
        #: Mean seconds that a call takes it.
        self.slowness = self.rng.choice([0.02, 0.02, 0.02, 0.4])
        self.baton = threading.Lock()
        self.baton.acquire()
        #: When it dies, virtual seconds; None: not by chance.
        self.dies_at: float | None = None
        self.alive = True
        #: Task that it runs at the moment, according to its journal.
        self.running: int | None = None

    def pause(self, seconds: float) -> None:
        """Run other participants for this duration."""
        world = self.world
        if world.over or (self.dies_at is not None and world.time >= self.dies_at):
            raise Killed
        world.pass_on(self, seconds)
        if world.over or (self.dies_at is not None and world.time >= self.dies_at):
            raise Killed


class World:
    """The agenda, the clock and what happened."""

    def __init__(self, seed: int, max_steps: int) -> None:
        self.seed = seed
        self.rng = Random(seed)
        #: Virtual Unix time, seconds.
        self.time = 1_700_000_000.0
        self.start = self.time
        self.steps = 0
        self.over = False
        #: Events (time, participant, action, detail); formatted only after an error.
        self.events: list[tuple[float, str, str, Any]] = []
        self.failure: BaseException | None = None
        self.participants: list[Participant] = []
        self._max_steps = max_steps
        self._agenda: list[tuple[float, int, Participant | Callable[[], None]]] = []
        self._number = 0
        self._done = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def elapsed(self) -> float:
        """Virtual seconds since the beginning."""
        return self.time - self.start

    def spawn(
        self, name: str, act: Callable[[Participant], None], *, delay: float = 0.0, skew: float = 0.0
    ) -> Participant:
        """A new participant, which begins to act after a while."""
        participant = Participant(self, name, skew)
        self.participants.append(participant)
        thread = threading.Thread(target=self._live, args=(participant, act), name=name, daemon=True)
        self._threads.append(thread)
        self._plan(delay, participant)
        thread.start()
        return participant

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Something that happens by itself."""
        self._plan(seconds, action)

    def note(self, who: str, what: str, detail: Any = "") -> None:
        self.events.append((self.time, who, what, detail))

    def run(self) -> None:
        """Run all participants until none is left or `over` is set. Raise the first error."""
        self._next(None)
        self._done.wait()
        self.over = True
        for participant, thread in zip(self.participants, self._threads, strict=True):
            if thread.is_alive():
                participant.baton.release()
                thread.join()
        if self.failure is not None:
            raise self.failure

    def pass_on(self, me: Participant, seconds: float) -> None:
        """`me` goes on after `seconds`; until then the others."""
        self._plan(seconds, me)
        self._next(me)

    def _plan(self, seconds: float, what: Participant | Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._agenda, (self.time + max(0.0, seconds), self._number, what))

    def _live(self, me: Participant, act: Callable[[Participant], None]) -> None:
        me.baton.acquire()
        if self.over:
            return
        try:
            act(me)
        except Killed:
            pass
        except BaseException as error:
            self._fail(error)
        me.alive = False
        if self.over:
            self._done.set()
        else:
            self._next(None)

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
        self.over = True
        self._done.set()

    def _next(self, me: Participant | None) -> None:
        """Pass the baton to the next participant; return when `me` has it again."""
        try:
            who = self._pop()
        except BaseException as error:
            self._fail(error)
            who = None
        if who is None:  # it is over
            self._done.set()
            if me is not None:
                raise Killed
        elif who is not me:
            who.baton.release()
            if me is not None:
                me.baton.acquire()

    def _pop(self) -> Participant | None:
        while self._agenda and not self.over:
            self.steps += 1
            if self.steps > self._max_steps:
                raise Violation(f"no end after {self._max_steps} steps")
            time, _, what = heapq.heappop(self._agenda)
            self.time = max(self.time, time)
            if isinstance(what, Participant):
                return what
            what()
        return None
