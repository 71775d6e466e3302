"""Explain why one task failed or is not running, and name the command to type next."""

from __future__ import annotations

from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.lease_durations import REVIEW_SECONDS
from kubeque.model.job.task import TaskState, TaskView
from kubeque.model.quantities import format_seconds
from kubeque.model.stats.explanation_facts import Explanation, Facts
from kubeque.model.stats.failure_text import reason
from kubeque.model.stats.remedies import FailedGroup, find_remedy, format_steps, show_command, why_last
from kubeque.model.text import VALUE_CHARACTERS, printable
from kubeque.model.wording import command

#: Maximum number of characters of the message of a failure.
MESSAGE_CHARACTERS = 2 * VALUE_CHARACTERS


def explain_task(facts: Facts, task: TaskView) -> Explanation | None:
    """Return the explanation of one task; None if the explanation of the whole job also applies to the task."""
    job, record = facts.job, task.record
    about = f"task {task.index} of {job.name}"
    if task.state is TaskState.FAILED or task.is_row_killed:
        return explain_failure(job, facts.task_group or FailedGroup(task), about)
    if task.state is TaskState.OK:
        outcome = record.outcome
        if outcome is not None and outcome.linked and _is_own(job, outcome.linked):
            text = (
                f"{about} is ok: it did not run again when the job was changed. It keeps its earlier result in"
                f" {printable(outcome.linked)}."
            )
            return Explanation("linked", text, show_command(job, task))
        if outcome is not None and outcome.linked:
            text = (
                f"{about} did not run: it is linked to the ok result of an equal row in {printable(outcome.linked)}. "
                f"`{command('reset', job.name, 'all')}` runs all rows of the job themselves."
            )
            return Explanation("linked", text, show_command(job, task))
        took = f" in {format_seconds(outcome.seconds)}" if outcome is not None else ""
        return Explanation("ok", f"{about} is ok: attempt {record.attempts} ended{took}.", show_command(job, task))
    if record.kill:
        text = (
            f"{about} is being killed: its consumer stops it within about {REVIEW_SECONDS:g} s, unless it ends before."
            f" A reset runs the killed rows again."
        )
        return Explanation("killed", text, command("watch", job.name))
    if task.state is TaskState.RUNNING:
        text = f"{about} runs: attempt {record.attempts} in consumer {printable(task.owner)}.{_alone(task)}"
        return Explanation("running", text, f"{command('peek', job.name)} {task.index}")
    if task.state is TaskState.PENDING and record.suspect and job.startable and not _blocked(facts):
        text = (
            f"{about} waits to run alone, because a consumer vanished while the task was reserved. The next attempt"
            " shows whether this task ends its consumer."
        )
        return Explanation("suspect", text, command("watch", job.name))
    if task.state is TaskState.PENDING and record.outcome is not None and record.charges and not _blocked(facts):
        text = f"{about} runs again: {_describe_last(job, task)}"
        return Explanation("retry", text, command("watch", job.name))
    return None


def _is_own(job: Job, linked: str) -> bool:
    """True if a linked result is of this job itself, from before `sub --repair` or `--revise` changed the job."""
    return linked.startswith(f"{job.url.rpartition('/')[0]}/")


def _alone(task: TaskView) -> str:
    alone = " The task runs alone, because an earlier consumer vanished while the task was reserved."
    return alone if task.record.suspect else ""


def _blocked(facts: Facts) -> bool:
    """True if no task of the job can start now."""
    return not facts.job.startable or facts.unserved or bool(facts.fault or facts.obstacles or facts.rival)


def _describe_last(job: Job, task: TaskView) -> str:
    """Return a text about the end of a task's last attempt, with the number of used extra attempts for this cause."""
    outcome, charges = task.record.outcome, task.record.charges
    if outcome is None:
        return ""
    used, extra = charges.get(outcome.cause, 0), job.budgets.extra.get(outcome.cause, 0)
    ended = f"attempt {outcome.attempt} ended by {last_reason(task)}"
    return f"{ended}; {used} of {extra} extra attempts for this cause are used."


def last_reason(task: TaskView) -> str:
    """Return the cause and the message of the task's last outcome."""
    outcome = task.record.outcome
    return reason(outcome.cause, outcome.message, MESSAGE_CHARACTERS) if outcome is not None else "an unknown cause"


def explain_failure(job: Job, group: FailedGroup, about: str) -> Explanation:
    """Return the explanation why the first task of a group failed.

    `about`: subject of the first sentence, for example "task 7".
    """
    task, outcome = group.task, group.task.record.outcome
    if outcome is None:
        return Explanation(
            "failed", f"{about} failed, but the outcome of the task is not in the queue.", show_command(job, task)
        )
    if outcome.cause is Cause.KILLED:
        why = printable(outcome.message, MESSAGE_CHARACTERS)
        text = f"{about} does not run: {why or 'its row was killed'}. A reset runs the killed rows again."
        return Explanation("killed", text, f"{command('reset', job.name)} --state killed")
    word, rule = why_last(job, group)
    remedy = find_remedy(job, group)
    text = f"{about} failed: {last_reason(task)}. {rule}{remedy.sentence}"
    return Explanation(word, text, remedy.steps[0][0], tuple(format_steps(job, [group])))
