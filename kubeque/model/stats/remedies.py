"""The rule that ended a failed task, and the commands to type next, which depend on the cause of the failure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape, larger_class, lift_class
from kubeque.model.job.task import TaskRecord, TaskView
from kubeque.model.quantities import format_bytes
from kubeque.model.text import format_count
from kubeque.model.wording import command, option

#: Maximum number of lines with commands.
_LINES = 3
#: Causes for which the reason is in the command itself. The output of the command may show this reason.
_OWN = (Cause.EXIT, Cause.SIGNAL, Cause.UNKNOWN)
#: Pattern of the messages about a command that no file of the present inputs can repair.
_WRONG_COMMAND = re.compile(
    r"the program '.*' (?:was not found|is a folder)|.* (?:is|are together) too long for the kernel"
)


@dataclass(frozen=True, slots=True)
class FailedGroup:
    """A group of similar failures of a job, with facts about its first failure: the task with the lowest index."""

    task: TaskView
    #: Number of tasks in the group.
    count: int = 1
    #: The command that submits the job again with files of this machine that the tasks did not find; empty without one.
    resend: str = ""
    #: Memory of the machine that the tasks share, bytes; None if each consumer has its own memory, or if it is unknown.
    machine_memory: int | None = None
    #: True if the job is of `kubeque.map`, so that the files of its command are temporary.
    mapped: bool = False


@dataclass(frozen=True, slots=True)
class Remedy:
    """The commands to type after a failure."""

    #: Pairs of a command and its effect. The effect follows the command, for example "runs failed tasks again".
    steps: tuple[tuple[str, str], ...]
    #: Sentence for `kubeque explain`; can be empty.
    sentence: str = ""

    def write(self) -> str:
        """Return the first and the last step as one line."""
        ends = dict.fromkeys((self.steps[0], self.steps[-1]))
        return "; ".join(f"{typed} {effect}" for typed, effect in ends)


def format_steps(job: Job, groups: Sequence[FailedGroup]) -> Iterator[str]:
    """Yield at most _LINES lines with the commands to type next.

    One group gets a line for each of its steps. Several groups get one line each, and equal lines are printed once.
    `groups`: the failures of the job, the largest group first.
    """
    counts: dict[str, int] = {}
    causes: dict[str, Cause | None] = {}
    for group in groups:
        line, outcome = find_remedy(job, group).write(), group.task.record.outcome
        counts[line] = counts.get(line, 0) + group.count
        causes.setdefault(line, outcome.cause if outcome is not None else None)
    if len(counts) == 1:
        lines = [f"{typed} {effect}" for typed, effect in find_remedy(job, groups[0]).steps]
    else:
        lines = [f"{line} ({counts[line]} x {cause or 'failed'})" for line, cause in causes.items()]
    for number, line in enumerate(lines[:_LINES]):
        yield f"{'      ' if number else 'next: '}{line}"


def find_remedy(job: Job, group: FailedGroup) -> Remedy:
    """Return what to type after the failures of a group."""
    task, outcome = group.task, group.task.record.outcome
    if outcome is None:
        return Remedy(((show_command(job, task), "shows the first failure"),))
    if group.resend:
        effect = "uploads the missing files, and runs failed tasks again"
        return Remedy(((group.resend, effect),), f" `{group.resend}` {effect}.")
    cause = _charged_cause(task.record, outcome.cause)
    if cause in (Cause.OOM, Cause.DISK, Cause.TIMEOUT):
        return _raise_limit(job, group, cause)
    if cause not in _OWN:
        return Remedy(
            ((command("reset", job.name), "runs failed tasks again"),), " A reset gives the failed rows full budgets."
        )
    again = f"{sub_again(job)} COMMAND"
    if _WRONG_COMMAND.match(outcome.message):
        return Remedy(
            ((again, "runs another command"),), f" A reset would fail in the same way; `{again}` runs another command."
        )
    if group.mapped:
        repair = (map_call(job, "repair"), "runs failed rows with a corrected function")
        return Remedy(((show_command(job, task), "shows the first failure"), repair), repair_call(job))
    update = command("reset", job.name, "update")
    return Remedy(
        (
            (show_command(job, task), "shows the first failure"),
            (command("reset", job.name), "runs failed tasks again"),
            (update, "runs failed tasks with a corrected script"),
        ),
        f" After a correction of its files, `{update}` runs the failed rows again; `{again}` runs them with another"
        " command.",
    )


def _raise_limit(job: Job, group: FailedGroup, cause: Cause) -> Remedy:
    task = group.task
    shape = _shape(job, task)
    if cause is Cause.OOM and _fills_machine(shape, group):
        needs_less = f"{sub_again(job)} COMMAND"
        return Remedy(((needs_less, "runs a command that needs less memory"),), " This machine has no more memory.")
    if cause is Cause.OOM:
        start = "--memory SIZE" if shape.memory is None else ""
        both = "--memory SIZE --max-memory SIZE" if not start and _is_spent(job, task.record, cause) else ""
        options = start or both or "--max-memory SIZE"
    else:
        options = "--disk SIZE" if cause is Cause.DISK else "--task-timeout TIME"
    what = {Cause.OOM: "memory", Cause.DISK: "disk"}.get(cause, "time")
    return Remedy(
        ((f"{sub_again(job)} {options}", f"runs failed tasks with more {what}"),),
        " The failed rows run again with a larger limit.",
    )


# ---------------------------------------------------------------------- the rule that ended a task
def why_last(job: Job, group: FailedGroup) -> tuple[str, str]:
    """Return why no further attempt of the group's first task runs: as one word for programs, and as a sentence."""
    record, outcome = group.task.record, group.task.record.outcome
    if outcome is None:
        return "failed", ""
    cause = _charged_cause(record, outcome.cause)
    extra, used = job.budgets.extra.get(cause, 0), record.charges.get(cause, 0)
    spent = "budget_spent" if extra > 0 and used > extra else "failed"
    if outcome.final:
        return spent, "No further attempt runs, because another attempt would end in the same way."
    if cause in (Cause.OOM, Cause.DISK) and (limit := _size_limit(job, group, cause)):
        return spent, f"No further attempt runs, because {limit}."
    if spent == "budget_spent":
        allowed = format_count(extra, "extra attempt")
        rule = option("retry-causes", f"{cause}={extra}")
        return (
            spent,
            f"The budget of the task is spent: {used} attempts ended by {cause}, with {allowed} allowed ({rule}).",
        )
    if not extra:
        rule = option("retry-causes", f"{cause}=N")
        return spent, f"No further attempt runs, because no extra attempt is allowed after {cause} ({rule} allows N)."
    return spent, "No further attempt runs."


def _size_limit(job: Job, group: FailedGroup, cause: Cause) -> str:
    """Return the limit that keeps the task from more memory or disk; empty if a larger size is left."""
    task, first = group.task, job.shapes[0]
    size_class = lift_class(job.shapes, task.size_class, job.floor)
    if larger_class(job.shapes, size_class, cause) is not None:
        return ""
    shape = job.shapes[size_class]
    if cause is Cause.DISK:
        if not shape.disk or not first.disk:
            return "the sweep requests no disk that could grow (--disk)"
        return f"the task had {format_bytes(shape.disk)} of disk, twice as much as --disk, and disk grows only once"
    if not shape.memory or not first.memory:
        return "the sweep requests no memory that could grow (--memory)"
    had = f"the task had {format_bytes(shape.memory)} of memory, and"
    if _fills_machine(shape, group):
        return f"{had} this machine has no more"
    if shape.memory == 8 * first.memory:
        return f"{had} --max-memory allows no more (default: 8 times --memory)"
    return f"{had} --max-memory allows no more"


def _fills_machine(shape: Shape, group: FailedGroup) -> bool:
    return bool(shape.memory and group.machine_memory and shape.memory >= group.machine_memory)


def _shape(job: Job, task: TaskView) -> Shape:
    return job.shapes[lift_class(job.shapes, task.size_class, job.floor)]


def _is_spent(job: Job, record: TaskRecord, cause: Cause) -> bool:
    return record.charges.get(cause, 0) > job.budgets.extra.get(cause, 0)


def _charged_cause(record: TaskRecord, cause: Cause) -> Cause:
    """Return the cause that decides about a further attempt: `disk` for an attempt in an evicted consumer."""
    return Cause.DISK if record.evicted and cause is Cause.PREEMPTED else cause


def map_call(job: Job, existing: str = "") -> str:
    """Return the call of `kubeque.map` that waits for a job and returns its table. `existing`: argument of the call."""
    more = f', existing="{existing}"' if existing else ""
    return f"kubeque.map(..., name={job.name!r}{more})"


def repair_call(job: Job) -> str:
    """Return the sentence about the call that runs the failed rows of a job of `kubeque.map` again."""
    return (
        f" To run the failed rows with a corrected function, call kubeque.map again with name={job.name!r} and"
        ' existing="repair".'
    )


def sub_again(job: Job) -> str:
    """Return the start of a `kubeque sub` command with the job's options. It reruns the rows that are not ok."""
    name = shlex.quote(job.name)
    return f"kubeque sub --like {name} -n {name} --repair"


def show_command(job: Job, task: TaskView) -> str:
    """Return the command that shows the files and attempts of a task."""
    return f"{command('show', job.name)} {task.index}"
