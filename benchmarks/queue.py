"""Compare kubeque's queue with the baseline, a queue with one entity for each task, on every backend.

    python -m benchmarks.queue           all measurements; writes the pictures of docs/benchmarks.md
    python -m benchmarks.queue --quick   short measurements; no pictures

Needs the same as the tests of the queue: PostgreSQL, and gcloud with both emulators. A missing server is skipped.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# If this file is run as a script, Python puts its folder first into the path. The file would then hide the module
# `queue` of the standard library.
sys.path[0] = str(ROOT)

from benchmarks.parts import plots, sizes, tail  # noqa: E402
from benchmarks.parts.racing import Race, Speed, race  # noqa: E402
from benchmarks.parts.servers import Emulators, Servers, all_servers  # noqa: E402
from benchmarks.parts.writes import written  # noqa: E402
from tests.servers.process import NotHere  # noqa: E402

PICTURES = ROOT / "docs" / "benchmarks"
SIDES = ("usual", "kubeque")


@dataclass
class Effort:
    """Sizes of the measurements, and their results for the pictures."""

    rounds: int = 2
    #: Duration of a race of the baseline, seconds. Its rate is the mean over this time.
    seconds: float = 6.0
    tasks: int = 2000
    consumers: tuple[int, ...] = (1, 8, 32)
    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    #: Sizes for the baseline on an emulator. On other backends, the baseline uses `sizes`.
    usual_sizes: tuple[int, ...] = (1_000, 5_000)
    #: Number of tasks that take five seconds. Two consumers run these tasks.
    long_tasks: int = 40
    tails: int = 2
    speeds: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)
    submit: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)
    count: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)


QUICK = Effort(1, 3.0, 500, (1, 8), (10_000, 100_000), (1_000,), 4, 1)


def main() -> None:
    """Measure, print the results, and draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="less of everything, and no pictures")
    parser.add_argument("--only", choices=("race", "sizes", "writes", "tail"), help="one part, without pictures")
    given = parser.parse_args()
    effort = QUICK if given.quick else Effort()
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; kubeque and one entity per task alternate", flush=True
    )
    if given.only in (None, "race", "sizes"):
        for servers in all_servers():
            part = {"race": races, "sizes": size}.get(given.only or "")
            on(servers, effort, [part] if part else [races, size])
    if given.only in (None, "writes"):
        on(Emulators("legacy"), effort, [writes])
    if given.only in (None, "tail"):
        tails(effort)
    if not given.quick and not given.only:
        plots.throughput(effort.speeds, effort.tasks, PICTURES / "throughput.png")
        plots.sizes(effort.submit, effort.count, PICTURES / "sizes.png")


def on(servers: Servers, effort: Effort, parts: list[Callable[[Servers, Effort], None]]) -> None:
    """Run these measurements on one backend."""
    try:
        with servers.running():
            for part in parts:
                part(servers, effort)
    except NotHere as missing:
        print(f"{servers.name}: skipped, {missing}")


def races(servers: Servers, effort: Effort) -> None:
    """Measure how fast consumers claim and complete tasks without work."""
    print(f"\n{servers.name}: {effort.tasks} tasks without work, claimed and completed")
    for consumers in effort.consumers:
        heats = [{side: heat(servers, effort, side, consumers) for side in SIDES} for _ in range(effort.rounds)]
        ratios = [each["kubeque"].per_second / each["usual"].per_second for each in heats]
        middle = {side: statistics.median(each[side].per_second for each in heats) for side in SIDES}
        for side in SIDES:
            effort.speeds.setdefault((servers.name, side), []).append((consumers, middle[side]))
        calls = heats[-1]["kubeque"].calls
        print(
            f"{consumers:>4} consumers   usual {middle['usual']:>7.0f}/s   kubeque {middle['kubeque']:>7.0f}/s   ratio"
            f" {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})   kubeque's commits a task"
            f" {calls['swap_block'] / effort.tasks:.3f}, {calls['refused']} of them refused; searches"
            f" {calls['find_blocks'] / effort.tasks:.3f}",
            flush=True,
        )


def heat(servers: Servers, effort: Effort, side: str, consumers: int) -> Speed:
    """Run one side once, on an empty backend."""
    place = servers.fresh()
    seconds = effort.seconds if side == "usual" else 60.0
    return race(Race(side, place.url, place.emulator, effort.tasks, consumers, seconds))


def size(servers: Servers, effort: Effort) -> None:
    """Measure how long it takes to submit, count and reset jobs."""
    print(f"\n{servers.name}: a job's size")
    usual = effort.usual_sizes if isinstance(servers, Emulators) else effort.sizes
    for side, ns, of in (("usual", usual, sizes.usual_size), ("kubeque", effort.sizes, sizes.kubeque_size)):
        for n in ns:
            was = of(servers.fresh(), n)
            effort.submit.setdefault((servers.name, side), []).append((n, was.submit_seconds))
            effort.count.setdefault((servers.name, side), []).append((n, was.count_seconds))
            print(
                f"{n:>9,} tasks   {side:<7}   submitted in {was.submit_seconds:.2f} s, memory of the submitter"
                f" {was.memory_bytes / 1e6:.0f} MB   counted in {1e3 * was.count_seconds:.1f} ms",
                flush=True,
            )
    reset = sizes.kubeque_reset(servers.fresh(), effort.sizes[0])
    print(
        f"{reset.n:>9,} failed    kubeque   reset in {reset.seconds:.2f} s with {reset.calls.total()} calls", flush=True
    )


def writes(servers: Servers, effort: Effort) -> None:
    """Count the writes of real consumers and commands."""
    print(f"\n{servers.name}: writes of real consumers, counted by a proxy")
    for command, tasks, consumers in (
        (["/bin/true"], 10 * effort.long_tasks, 2),
        (["sleep", "5"], effort.long_tasks, 2),
    ):
        were = written(servers.fresh().emulator, command, tasks=tasks, consumers=consumers)
        print(
            f"{tasks:>4} x {' '.join(command):<9}   {were.commits / tasks:.3f} commits and {were.entities / tasks:.3f}"
            " entities a task, submission and claims included",
            flush=True,
        )


def tails(effort: Effort) -> None:
    """Simulate the end of a job with uneven tasks."""
    print("\n1000 uneven tasks, 16 consumers, 20 ms a call: when the job ends with blocks, against one task a block")
    for mean in (0.5, 5.0, 60.0):
        pairs = [tail.pair(1000, 16, mean, seed=seed, call_seconds=0.02) for seed in range(effort.tails)]
        later = [pair.later for pair in pairs]
        spread = f"{min(later):+.1%} to {max(later):+.1%}"
        print(f"tasks of {mean:>4g} s on average   {statistics.median(later):+.1%} ({spread})", flush=True)


if __name__ == "__main__":
    main()
