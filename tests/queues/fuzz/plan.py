"""One schedule: participants and faults, derived from a seed. A schedule that fails is shortened."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from kubeque.queues.backends.backend import BlockRecord
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.backends.records import read_block
from kubeque.queues.queue import Queue
from tests.queues.fuzz import people
from tests.queues.fuzz.checker import Checker
from tests.queues.fuzz.people import Stage
from tests.queues.fuzz.view import Weather
from tests.queues.fuzz.world import Participant, Violation, World

#: Possible events besides the work of consumers. A schedule that fails is repeated with fewer of these.
FEATURES = frozenset(
    {
        "drop", "refuse", "late", "silence", "kill", "freeze", "skew", "poison", "move",
        "remover", "resetter", "killer", "sensor", "undertaker", "goer", "decide", "row_killer",
    }
)  # fmt: skip
#: Virtual seconds with disturbances. Afterwards there are none, and all remaining work must be done.
TURMOIL = 90.0
MAX_STEPS = 12_000
_SHOWN = 60
_PEOPLE: dict[str, Callable[[Stage, Participant], None]] = {
    "remover": people.remover,
    "resetter": people.resetter,
    "killer": people.killer,
    "row_killer": people.row_killer,
    "sensor": people.sensor,
    "undertaker": people.undertaker,
    "goer": people.goer,
}


@dataclass(frozen=True)
class Schedule:
    """One run. Its two fields determine it completely."""

    seed: int
    features: frozenset[str] = FEATURES

    def run(self) -> World:
        """Run the schedule and return its world. Raises Violation or any other error, with the world in `world`."""
        state = random.getstate()
        random.seed(self.seed)
        world = World(self.seed, MAX_STEPS)
        try:
            _populate(world, self._chosen(world))
            world.run()
        except Exception as error:
            error.world = world  # type: ignore[attr-defined]
            raise
        finally:
            random.setstate(state)
        return world

    def _chosen(self, world: World) -> frozenset[str]:
        """Return a random selection of the possible events."""
        return frozenset(name for name in sorted(FEATURES) if world.rng.random() < 0.6) & self.features


def _populate(world: World, features: frozenset[str]) -> None:
    rng = world.rng
    begins = [rng.uniform(5.0, TURMOIL) for _ in range(rng.randint(1, 3) if "silence" in features else 0)]
    weather = Weather(
        *(rng.choice([0.02, 0.05, 0.1]) if kind in features else 0.0 for kind in ("drop", "refuse", "late")),
        outages=tuple((begin, begin + rng.uniform(5.0, 40.0)) for begin in begins),
    )
    backend = MemoryBackend(lambda: world.time)
    stage = Stage(world, backend, weather, Checker(backend), features)
    maker = Participant(world, "maker", 0.0)
    Queue(backend).create(*stage.new_job(maker))
    stage.checker.look(maker)
    for _ in range(rng.randint(1, 4)):
        stage.add_consumer(rng.uniform(0.0, 5.0))
    _spawn(stage, "watcher", people.watcher)
    for name, act in _PEOPLE.items():
        for number in range(rng.randint(1, 2) if name in features else 0):
            _spawn(stage, f"{name}-{number}", act)
    world.later(TURMOIL, lambda: _calm_down(stage))


def _spawn(stage: Stage, name: str, act: Callable[[Stage, Participant], None]) -> None:
    skew = stage.world.rng.uniform(-600, 600) if "skew" in stage.features else 0.0
    stage.world.spawn(name, lambda me: act(stage, me), skew=skew)


def _calm_down(stage: Stage) -> None:
    """End all faults and disturbances, and let two consumers live."""
    stage.world.note("world", "is calm")
    stage.weather.calm = True
    for participant in stage.world.participants:
        participant.dies_at = None
    for _ in range(2):
        stage.add_consumer(0.0, mortal=False)
    _spawn(stage, "closer", people.closer)


# ---------------------------------------------------------------------- when it fails
def failure(schedule: Schedule) -> Exception | None:
    """Return the error of a schedule, or None."""
    try:
        schedule.run()
    except Exception as error:
        return error
    return None


def shorten(schedule: Schedule) -> tuple[Schedule, Exception]:
    """Return a schedule with the same seed and with as few events as possible that still fails."""
    worst = failure(schedule)
    assert worst is not None
    for feature in sorted(FEATURES):
        less = Schedule(schedule.seed, schedule.features - {feature})
        error = failure(less)
        if error is not None:
            schedule, worst = less, error
    return schedule, worst


def story(schedule: Schedule, error: Exception) -> str:
    """Return the events before the error in readable form."""
    world: World = error.world  # type: ignore[attr-defined]
    lines = [f"{at - world.start:9.3f}  {who:<14} {what:<20} {_told(detail)}" for at, who, what, detail in world.events]
    needed = " ".join(sorted(schedule.features & FEATURES)) or "nothing"
    return "\n".join(
        [
            f"seed {schedule.seed}, step {world.steps}, with {needed}:",
            *lines[-_SHOWN:],
            f"{type(error).__name__}: {error}",
        ]
    )


def _told(detail: Any) -> str:
    if isinstance(detail, tuple):
        return " ".join(map(_told, detail))
    if isinstance(detail, BlockRecord):
        b = read_block(detail)
        states = b.states.translate(bytes(range(48, 53)) + bytes(251)).decode()
        lease = f"{b.owner or '-'}/{b.nonce} {b.epoch}.{b.seq}"
        return f"{b.uid}:{b.id}[{b.lo},{b.hi})v{b.version} {states} run {b.run} {lease}"
    if isinstance(detail, Iterable) and not isinstance(detail, str):
        return "(" + ", ".join(map(_told, detail)) + ")"
    return str(detail) if not hasattr(detail, "body") else f"job v{detail.version}"


def first_failure(seeds: Iterable[int]) -> Schedule | None:
    """Return the first of these seeds that fails."""
    return next((s for s in map(Schedule, seeds) if isinstance(failure(s), Violation)), None)
