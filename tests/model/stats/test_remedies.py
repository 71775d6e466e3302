"""The rule that ended a failed task is the real one, and the next command fits the cause of the failure."""

from __future__ import annotations

import pytest

from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.retries import Budgets
from kubeque.model.job.shapes import Shape, grow_shapes
from kubeque.model.job.task import Outcome, TaskRecord, TaskState, TaskView
from kubeque.model.quantities import MI
from kubeque.model.stats.remedies import FailedGroup, find_remedy, format_steps, why_last

SUB = "kubeque sub --like j -n j --repair"


def make_job(memory: int | None = None, most: int | None = None, disk: int | None = None, **extra: int) -> Job:
    shapes = grow_shapes(Shape(memory, disk), most)
    return Job("j", "u", 9, "file:///r", shapes=shapes, budgets=Budgets().with_extra(extra))


def fail(cause: Cause, used: int = 1, size_class: int = 0, count: int = 1, index: int = 2, message: str = "",
         machine: int | None = None, *, final: bool = False, evicted: bool = False) -> FailedGroup:  # fmt: skip
    charged = Cause.DISK if evicted else cause
    outcome = Outcome(index, used, cause, 1, message=message, final=final)
    record = TaskRecord(used, outcome=outcome, charges={charged: used}, evicted=evicted)
    return FailedGroup(TaskView(index, TaskState.FAILED, size_class, record), count, machine_memory=machine)


@pytest.mark.parametrize(
    ("job", "group", "rule"),
    [
        (make_job(60 * MI, 100 * MI), fail(Cause.OOM, 2, 1), "100Mi of memory, and --max-memory allows no"),
        (make_job(60 * MI, 100 * MI), fail(Cause.OOM, 2, 1, machine=100 * MI), "100Mi of memory, and this machine has"),
        (make_job(10 * MI, 80 * MI), fail(Cause.OOM, 4, 3), "80Mi of memory, and --max-memory allows no more (default"),
        (make_job(10 * MI, 80 * MI, oom=1), fail(Cause.OOM, 2, 1), "ended by oom, with 1 extra attempt allowed"),
        (make_job(10 * MI, 80 * MI, oom=0), fail(Cause.OOM), "is allowed after oom (--retry-causes oom=N"),
        (make_job(), fail(Cause.OOM), "the sweep requests no memory that could grow (--memory)"),
        (make_job(disk=MI), fail(Cause.DISK, 2, 1), "2Mi of disk, twice as much as --disk, and disk grows"),
        (make_job(disk=MI), fail(Cause.PREEMPTED, 1, 1, evicted=True), "2Mi of disk, twice as much as --disk"),
        (make_job(), fail(Cause.DISK), "the sweep requests no disk that could grow (--disk)"),
        (make_job(), fail(Cause.TIMEOUT), "no extra attempt is allowed after timeout (--retry-causes timeout=N"),
        (make_job(timeout=1), fail(Cause.TIMEOUT, 2), "2 attempts ended by timeout, with 1 extra attempt allowed"),
        (make_job(), fail(Cause.LOST, 4), "with 3 extra attempts allowed (--retry-causes lost=3)"),
        (make_job(), fail(Cause.PREEMPTED, 21), "21 attempts ended by preempted, with 20 extra attempts allowed"),
        (make_job(), fail(Cause.STAGE, final=True), "because another attempt would end in the same way"),
    ],
)  # fmt: skip
def test_the_sentence_names_the_rule_that_ended_the_task(job: Job, group: FailedGroup, rule: str) -> None:
    assert rule in why_last(job, group)[1]


@pytest.mark.parametrize(
    ("job", "group", "typed"),
    [
        (make_job(60 * MI, 100 * MI), fail(Cause.OOM, 2, 1), f"{SUB} --max-memory SIZE"),
        (make_job(10 * MI, 80 * MI), fail(Cause.OOM, 4, 3), f"{SUB} --memory SIZE --max-memory SIZE"),
        (make_job(60 * MI, 100 * MI), fail(Cause.OOM, 2, 1, machine=100 * MI), f"{SUB} COMMAND"),
        (make_job(), fail(Cause.OOM), f"{SUB} --memory SIZE"),
        (make_job(disk=MI), fail(Cause.DISK, 2, 1), f"{SUB} --disk SIZE"),
        (make_job(), fail(Cause.TIMEOUT), f"{SUB} --task-timeout TIME"),
        (make_job(), fail(Cause.LOST, 4), "kubeque reset j"),
        (make_job(), fail(Cause.EXIT), "kubeque show j 2"),
        (make_job(), fail(Cause.EXIT, message="the program 'x' was not found: upload it as ^x"), f"{SUB} COMMAND"),
        (make_job(), fail(Cause.EXIT, message="the program 'x' is a folder"), f"{SUB} COMMAND"),
        (make_job(), fail(Cause.EXIT, message="the program 'x' is not executable: set its bit"), "kubeque show j 2"),
    ],
)
def test_the_next_command_fits_the_cause(job: Job, group: FailedGroup, typed: str) -> None:
    assert find_remedy(job, group).steps[0][0] == typed
    assert next(format_steps(job, [group])).startswith(f"next: {typed} ")


def test_each_group_has_one_line_and_equal_lines_are_one() -> None:
    job = make_job(60 * MI, 100 * MI)
    groups = [
        fail(Cause.OOM, 2, 1, count=5), fail(Cause.EXIT, count=3, index=7), fail(Cause.OOM, 2, 1, count=2),
        fail(Cause.TIMEOUT), fail(Cause.LOST, 4),
    ]  # fmt: skip
    assert list(format_steps(job, groups)) == [
        f"next: {SUB} --max-memory SIZE runs failed tasks with more memory (7 x oom)",
        "      kubeque show j 7 shows the first failure; kubeque reset j --update runs failed tasks with a corrected"
        " script (3 x exit)",
        f"      {SUB} --task-timeout TIME runs failed tasks with more time (1 x timeout)",
    ]
