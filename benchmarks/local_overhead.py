"""Compare the overhead of kubeque on one machine with `xargs -P` and GNU parallel. Every task runs /bin/true.

Every tool is measured from outside and in the same way. Its wall time ends when it returns. Its CPU time includes every
process that it waited for or left behind. (The consumers outlive `kubeque sub`, so this process adopts them.) The CPU
time of /bin/true itself is measured in each round and subtracted. Needs Linux and xargs. GNU parallel is compared only
if the Debian package `parallel` is installed.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = "/bin/true"
KUBEQUE = (sys.executable, "-m", "kubeque.cli")
_PR_SET_CHILD_SUBREAPER = 36
#: Number of runs of the command alone that measure its own cost.
_BARE_RUNS = 300


@dataclass(frozen=True, slots=True)
class Cost:
    """Result of one tool in one round."""

    #: Milliseconds of wall time per task.
    wall: float
    #: Milliseconds of CPU time per task. The CPU time of the command itself is subtracted.
    cpu: float


@dataclass(frozen=True, slots=True)
class Bench:
    """Files and environment of a round."""

    folder: Path
    #: File with one value per line. `table` is the same file with a header.
    lines: Path
    table: Path
    rows: int
    consumers: int

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables that hide the user's .kubeque file and queue, and select this checkout of kubeque."""
        return {
            **os.environ, "HOME": str(self.folder), "KUBEQUE_HOME": str(self.folder / "kubeque"),
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    def run(self, words: Sequence[str], stdin: Path | None = None) -> str:
        """Run a command and return its output. A failure ends the benchmark."""
        with open(stdin or os.devnull, "rb") as source:
            done = subprocess.run(
                words, stdin=source, capture_output=True, text=True, cwd=self.folder, env=self.environment, check=False
            )
        if done.returncode:
            sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--consumers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="kubeque-bench-") as folder:
        bench = prepare(Path(folder), given.rows, given.consumers)
        tools: dict[str, Callable[[Bench], None]] = {"xargs": with_xargs}
        if shutil.which("parallel"):
            tools["parallel"] = with_parallel
        else:
            print("GNU parallel is not installed (Debian package `parallel`): skipped")
        tools["kubeque"] = with_kubeque
        print(f"{given.rows} rows of {COMMAND}, {given.consumers} at once; ms per task, CPU without the command's own")
        report([play(bench, tools, number) for number in range(1, given.rounds + 1)])


def prepare(folder: Path, rows: int, consumers: int) -> Bench:
    """Write the files with the rows."""
    values = "".join(f"{number}\n" for number in range(rows))
    lines, table = folder / "rows.txt", folder / "rows.csv"
    lines.write_text(values)
    table.write_text("n\n" + values)
    return Bench(folder, lines, table, rows, consumers)


def play(bench: Bench, tools: Mapping[str, Callable[[Bench], None]], number: int) -> dict[str, Cost]:
    """Run every tool once."""
    own = bare_cpu()
    costs = {name: measure(bench, tool, own) for name, tool in tools.items()}
    shown = "   ".join(f"{name}: wall {cost.wall:.2f} cpu {cost.cpu:.2f}" for name, cost in costs.items())
    print(f"round {number}   {shown}   ({COMMAND} itself: cpu {own:.2f})", flush=True)
    return costs


def measure(bench: Bench, tool: Callable[[Bench], None], own: float) -> Cost:
    """Run one tool once. `own`: CPU time of the command itself, milliseconds."""
    before, began = cpu_of_children(), time.perf_counter()
    try:
        tool(bench)
        wall = time.perf_counter() - began
    finally:
        end_consumers(bench, any_there=tool is with_kubeque)
    return Cost(1e3 * wall / bench.rows, 1e3 * (cpu_of_children() - before) / bench.rows - own)


def with_xargs(bench: Bench) -> None:
    bench.run(["xargs", f"-P{bench.consumers}", "-n1", COMMAND], stdin=bench.lines)


def with_parallel(bench: Bench) -> None:
    bench.run(["parallel", f"-j{bench.consumers}", COMMAND, "{}"], stdin=bench.lines)


def with_kubeque(bench: Bench) -> None:
    words = ["sub", "--json", "--params", str(bench.table), "--consumers", str(bench.consumers), COMMAND, "{n}"]
    job = json.loads(bench.run([*KUBEQUE, *words]))
    if job["counts"]["ok"] != bench.rows:
        sys.exit(f"kubeque: {job['counts']} of {bench.rows} tasks")


def end_consumers(bench: Bench, *, any_there: bool) -> None:
    """Stop the consumers and wait for all orphans, so that their CPU time counts for this process.

    The CPU time of the stop command counts too, although users need not run this command.
    """
    if any_there:
        bench.run([*KUBEQUE, "stop"])
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def bare_cpu() -> float:
    """Return the CPU time of the command itself, milliseconds. It is started in the cheapest way."""
    before = cpu_of_children()
    for _ in range(_BARE_RUNS):
        os.waitpid(os.posix_spawn(COMMAND, [COMMAND], {}), 0)
    return 1e3 * (cpu_of_children() - before) / _BARE_RUNS


def cpu_of_children() -> float:
    """Return the CPU time (user and system) of all ended descendants, seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def adopt_orphans() -> None:
    """Adopt the orphans of child processes."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit(f"consumers cannot be adopted: {os.strerror(ctypes.get_errno())}")


def report(rounds: Sequence[Mapping[str, Cost]]) -> None:
    """Print the median of the rounds, and the ratios of kubeque to the other tools."""
    middle = {
        name: Cost(statistics.median(r[name].wall for r in rounds), statistics.median(r[name].cpu for r in rounds))
        for name in rounds[0]
    }
    shown = "   ".join(f"{name}: wall {cost.wall:.2f} cpu {cost.cpu:.2f}" for name, cost in middle.items())
    print(f"median    {shown}")
    for other in middle:
        if other != "kubeque":
            ratios = [r["kubeque"].wall / r[other].wall for r in rounds]
            spread = f"rounds {min(ratios):.2f} to {max(ratios):.2f}"
            print(f"kubeque / {other}: wall {statistics.median(ratios):.2f} ({spread})")
    print("goals: wall no more than GNU parallel's, cpu no more than 5 ms")


if __name__ == "__main__":
    main()
