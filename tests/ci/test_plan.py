"""Selection of the steps of a CI run."""

from __future__ import annotations

from pathlib import Path

import pytest
from ci_steps.plan import BUDGET_SECONDS, LAST_END_SECONDS, STOP_SECONDS, choose, limit_seconds, may_start
from ci_steps.step import Step, parse_steps

ROOT = Path(__file__).resolve().parents[2]
STEPS = parse_steps((ROOT / ".ci" / "steps").read_text())
ALWAYS = [step for step in STEPS if step.always]
OPTIONAL = [step for step in STEPS if not step.always]


def names(steps: list[Step]) -> set[str]:
    return {step.name for step in steps}


def test_the_steps_that_always_run_are_first_in_each_run() -> None:
    assert names(ALWAYS) == {"lint", "test", "provider-2.11", "python-3.13", "smoke"}
    for count in range(200):
        assert choose(STEPS, count)[: len(ALWAYS)] == ALWAYS


def test_a_run_fills_its_budget_and_takes_no_step_twice() -> None:
    for count in range(200):
        chosen = choose(STEPS, count)
        seconds = sum(step.usual_seconds for step in chosen)
        left_out = [step for step in STEPS if step not in chosen]
        assert len({step.name for step in chosen}) == len(chosen)
        assert seconds <= BUDGET_SECONDS
        assert all(seconds + step.usual_seconds > BUDGET_SECONDS for step in left_out)


def test_runs_on_commits_in_a_row_take_every_step_within_ten() -> None:
    for first in range(200):
        taken = [step for count in range(first, first + 10) for step in choose(STEPS, count)]
        assert names(taken) == names(STEPS)


@pytest.mark.parametrize("commits_between", range(1, len(OPTIONAL)))
def test_however_many_commits_lie_between_two_runs_every_step_has_its_turn(commits_between: int) -> None:
    runs = [choose(STEPS, 1000 + run * commits_between) for run in range(2 * len(OPTIONAL))]
    assert {run[len(ALWAYS)].name for run in runs} == names(OPTIONAL)  # each is even the first one of a run


def test_no_optional_step_starts_that_usually_ends_after_the_limit() -> None:
    step = OPTIONAL[0]
    assert may_start(step, LAST_END_SECONDS - step.usual_seconds)
    assert not may_start(step, LAST_END_SECONDS - step.usual_seconds + 1)


def test_a_step_that_always_runs_starts_late_as_well_and_ends_before_ci_is_killed() -> None:
    step = ALWAYS[0]
    assert may_start(step, LAST_END_SECONDS + 1)
    assert not may_start(step, STOP_SECONDS)
    assert limit_seconds(step, 0) == step.limit_seconds
    assert limit_seconds(step, STOP_SECONDS - 10) == 10


def test_without_room_for_optional_steps_only_the_others_run() -> None:
    big = Step("big", "true", BUDGET_SECONDS, 1, always=True, needs_cluster=False)
    assert choose([big, *OPTIONAL], 3) == [big]
    assert choose([big], 3) == [big]


def test_every_file_on_a_cluster_and_of_the_kill_matrix_is_a_step() -> None:
    words = {word for step in STEPS for word in step.command.split()}
    for variable, folder in (("E2E", "tests/e2e"), ("KILL", "tests/provider/kill_matrix")):
        files = {f"{variable}={path.relative_to(ROOT)}" for path in (ROOT / folder).glob("test_*.py")}
        assert files == {word for word in words if word.startswith(f"{variable}=")}


@pytest.mark.parametrize("line", ["sometimes 1 2 - name true", "always 1 2 python3 name true", "always 1 2 - name"])
def test_a_line_that_is_no_step_is_named(line: str) -> None:
    with pytest.raises(ValueError, match=f"found {line!r}"):
        parse_steps(f"# a comment\n\n{line}\n")
