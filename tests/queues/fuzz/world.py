"""A world whose clock is virtual and in which exactly one participant acts at a time, in an order given by a seed.

Participants are greenlets. A participant that pauses adds itself to the agenda, and the next one continues. All
events are therefore repeatable, and no participant waits in real time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet


class Violation(AssertionError):
    """The queue broke one of its guarantees."""


class Killed(BaseException):
    """This participant dies here. It is not an Exception, so that no code under test can catch it."""


class Participant:
    """Counterpart of one real process: a consumer, a reaper or a user's command."""

    def __init__(self, world: World, name: str, skew: float) -> None:
        self.world = world
        self.name = name
        #: Error of its clock, seconds.
        self.skew = skew
        self.rng = Random(f"{world.seed}/{name}")
        #: Mean duration of its calls, seconds.
        self.slowness = self.rng.choice([0.02, 0.02, 0.02, 0.4])
        #: Time of its death, virtual seconds; None: it does not die by chance.
        self.dies_at: float | None = None
        self.greenlet: greenlet | None = None
        #: Task that it runs now, according to its journal.
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
        self._hub = getcurrent()

    @property
    def elapsed(self) -> float:
        """Virtual seconds since the beginning."""
        return self.time - self.start

    def spawn(
        self, name: str, act: Callable[[Participant], None], *, delay: float = 0.0, skew: float = 0.0
    ) -> Participant:
        """Add a new participant. It starts to act after a while."""
        participant = Participant(self, name, skew)
        self.participants.append(participant)
        participant.greenlet = greenlet(lambda: self._live(participant, act), self._hub)
        self._plan(delay, participant)
        return participant

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call a function after a time."""
        self._plan(seconds, action)

    def note(self, who: str, what: str, detail: Any = "") -> None:
        self.events.append((self.time, who, what, detail))

    def run(self) -> None:
        """Run all participants until none is left or `over` is set. Raise the first error."""
        try:
            while (who := self._pop()) is not None:
                who.switch()
        except BaseException as error:
            self._fail(error)
        self.over = True
        for participant in self.participants:
            if participant.greenlet:  # it has begun and not ended: it is killed where it pauses
                participant.greenlet.switch()
        if self.failure is not None:
            raise self.failure

    def pass_on(self, me: Participant, seconds: float) -> None:
        """Run the other participants until `me` continues after `seconds`."""
        self._plan(seconds, me)
        self._hub.switch()

    def _plan(self, seconds: float, what: Participant | Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._agenda, (self.time + max(0.0, seconds), self._number, what))

    def _live(self, me: Participant, act: Callable[[Participant], None]) -> None:
        try:
            act(me)
        except Killed:
            pass
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
        self.over = True

    def _pop(self) -> greenlet | None:
        while self._agenda and not self.over:
            self.steps += 1
            if self.steps > self._max_steps:
                raise Violation(f"no end after {self._max_steps} steps")
            time, _, what = heapq.heappop(self._agenda)
            self.time = max(self.time, time)
            if isinstance(what, Participant):
                return what.greenlet
            what()
        return None
