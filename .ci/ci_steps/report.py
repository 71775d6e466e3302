"""Make the report at the end of a run: repeated tests, the table of steps, and pytest's closing lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ci_steps.step import Step


@dataclass(frozen=True)
class Result:
    """The result of one step."""

    step: Step
    #: "good", "FAILED", "TIMEOUT" or "not run".
    verdict: str
    #: Duration; None if the step did not run.
    seconds: float | None = None
    closing_lines: tuple[str, ...] = ()
    #: Reason why the step did not run.
    reason: str = ""
    #: True if the step did not run because this machine lacks something that only this step needs. The run does not
    #: fail then.
    excused: bool = False


def is_good(results: Iterable[Result]) -> bool:
    """True if no step failed, and if each step that must always run did run or was excused."""
    return all(
        result.verdict == "good" or (result.verdict == "not run" and (result.excused or not result.step.always))
        for result in results
    )


def read_repeats(file: Path) -> list[dict[str, str]]:
    """Return the repeated tests that tests/flaky.py has written to `file`: test, commit and traceback of each."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines()]


def format_report(results: Sequence[Result], repeats: Sequence[dict[str, str]], elapsed_seconds: float) -> str:
    """Return the text that ends a run."""
    lines = []
    if repeats:
        lines.append("== FLAKY: failed while waiting, and repeated")
        for one in repeats:
            lines += [f"{one['test']} at {one['commit']}", one["traceback"], ""]
    skipped = [result for result in results if result.verdict == "not run"]
    if skipped:
        lines.append("== did not run: " + ", ".join(f"{one.step.name} ({one.reason})" for one in skipped))
    lines.append(f"== {'step':<16} {'verdict':<8} {'seconds':>7} {'usual':>7}")
    lines += [_format_result(result) for result in results]
    lines.append("== what pytest printed last")
    lines += [f"{result.step.name}: {line}" for result in results for line in result.closing_lines]
    verdict = "good" if is_good(results) else "FAILED"
    lines.append(f"== {verdict} after {elapsed_seconds:.0f} s; {len(repeats)} tests were repeated")
    return "\n".join(lines)


def _format_result(result: Result) -> str:
    seconds = "-" if result.seconds is None else f"{result.seconds:.0f}"
    kind = "" if result.step.always else "  optional"
    return f"   {result.step.name:<16} {result.verdict:<8} {seconds:>7} {result.step.usual_seconds:>7}{kind}"
