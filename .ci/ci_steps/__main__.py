"""Run the steps of CI. The head of .ci/run describes the options."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ci_steps.cluster import Cluster, NoCluster
from ci_steps.plan import choose, limit_seconds, may_start
from ci_steps.process import run
from ci_steps.report import Result, format_report, is_good, read_repeats
from ci_steps.step import Step, parse_steps

ROOT = Path(__file__).resolve().parents[2]
#: Program that finds a Python of a given version.
FIND_PYTHON = ROOT / ".ci" / "find-python"
#: Path of the program that starts a cluster, on the machine that checks changes.
CLUSTER = ROOT.parent / "shared" / "cluster" / "cluster"


def main() -> int:
    """Run the selected steps, print the report, and return the exit code."""
    began = time.monotonic() - float(os.environ.get("KUBEQUE_CI_SECONDS", 0))
    steps = parse_steps((ROOT / ".ci" / "steps").read_text())
    asked = parse_words([step.name for step in steps])
    planned = plan_steps(steps, asked)
    if asked.plan:
        print("\n".join(f"{step.name:<16} {step.usual_seconds:>5} s" for step in planned))
        return 0
    limited = not (asked.all or asked.names)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the current step and the cluster, as Ctrl-C does
    with tempfile.TemporaryDirectory(prefix="kubeque-ci-") as folder:
        flaky = Path(folder) / "flaky"
        results: list[Result] = []
        try:
            run_steps(planned, lambda: time.monotonic() - began, limited, flaky, results)
        except KeyboardInterrupt:
            print("== interrupted", flush=True)
        in_turn = () if asked.names else steps
        results += missing_results(planned, results, "interrupted")
        results += missing_results(in_turn, results, "not its turn")
        print(format_report(results, read_repeats(flaky), time.monotonic() - began), flush=True)
    return 0 if is_good(results) else 1


def plan_steps(steps: Sequence[Step], asked: argparse.Namespace) -> list[Step]:
    """Return the steps that the command line selects."""
    if asked.names:
        return [step for step in steps if step.name in asked.names]
    return list(steps) if asked.all else choose(steps, count_commits())


def missing_results(steps: Sequence[Step], results: Sequence[Result], reason: str) -> list[Result]:
    """Return the result "not run" for each step without a result."""
    known = {result.step for result in results}
    return [Result(step, "not run", reason=reason) for step in steps if step not in known]


def parse_words(names: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line. `names`: names of all steps."""
    parser = argparse.ArgumentParser(prog=".ci/run", description="Check a change before it lands.")
    parser.add_argument("--all", action="store_true", help="every step, without a time limit")
    parser.add_argument("--plan", action="store_true", help="print the steps instead of running them")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these steps: {', '.join(names)}")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in names]:
        parser.error(f"there is no step {unknown[0]!r} in .ci/steps; choose from {', '.join(names)}")
    return asked


def count_commits() -> int:
    """Return the number of commits up to HEAD."""
    counted = subprocess.run(
        ["git", "rev-list", "--count", "HEAD"], cwd=ROOT, text=True, check=True, capture_output=True
    )
    return int(counted.stdout)


def run_steps(
    planned: Sequence[Step], elapsed: Callable[[], float], limited: bool, flaky: Path, results: list[Result]
) -> None:
    """Run the steps one after another, and append their results. Consecutive steps that need a cluster share one."""
    cluster = Cluster(CLUSTER)
    try:
        for step in planned:
            if limited and not may_start(step, elapsed()):
                results.append(Result(step, "not run", reason=f"minute {elapsed() / 60:.0f}"))
                continue
            if not step.needs_cluster:
                cluster.end()  # a cluster without work takes a part of a core, and slows this step
            limit = limit_seconds(step, elapsed()) if limited else step.limit_seconds
            results.append(run_step(step, cluster, limit, flaky))
            if step.needs_cluster and results[-1].verdict != "good":
                cluster.end()  # the remains of the failed step must not affect the next step
    finally:
        cluster.end()


def has_python(version: str) -> bool:
    """True if this machine has a Python of this version that can create environments."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    found = subprocess.run([FIND_PYTHON, version], check=False, env=environ, stdout=subprocess.DEVNULL)
    return found.returncode == 0


def run_step(step: Step, cluster: Cluster, limit: float, flaky: Path) -> Result:
    """Run one step."""
    print(f"== {step.name}: {step.command}", flush=True)
    if step.python and not has_python(step.python):
        reason = f"no Python {step.python} on this machine"
        print(f"== {step.name}: not run: {reason}", flush=True)
        return Result(step, "not run", reason=reason, excused=True)
    try:
        environ = {"KUBEQUE_FLAKY": str(flaky), **(cluster.environ() if step.needs_cluster else {})}
    except NoCluster as missing:
        print(f"== {missing}", flush=True)
        return Result(step, "not run", reason=str(missing))
    ended = run(step.command, limit, environ, ROOT)
    verdict = {None: "TIMEOUT", 0: "good"}.get(ended.exit_code, "FAILED")
    return Result(step, verdict, ended.seconds, ended.closing_lines)


if __name__ == "__main__":
    sys.exit(main())
