"""Explain why one task failed or is not running, and which command to type next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.lease_durations import REVIEW_SECONDS
from kubeque.model.job.task import TaskState, TaskView
from kubeque.model.quantities import format_seconds
from kubeque.model.stats.explanation_facts import Explanation, Facts
from kubeque.model.stats.failure_text import reason
from kubeque.model.text import VALUE_CHARACTERS, format_count, printable
from kubeque.model.wording import command

#: Maximum number of characters of the message of a failure.
MESSAGE_CHARACTERS = 2 * VALUE_CHARACTERS
#: Option of `kubeque sub` by cause. With a larger value of the option, a task that failed by the cause may succeed.
_REMEDIES: Mapping[Cause, str] = {
    Cause.OOM: "--max-memory SIZE", Cause.DISK: "--disk SIZE", Cause.TIMEOUT: "--task-timeout TIME",
}  # fmt: skip
#: Causes for which the reason is in the command itself. The output of the command may show this reason.
_OWN = (Cause.EXIT, Cause.SIGNAL, Cause.UNKNOWN)


def explain_task(facts: Facts, task: TaskView) -> Explanation | None:
    """Return the explanation of one task; None if the explanation of the whole job is also that of the task."""
    job, record = facts.job, task.record
    about = f"task {task.index} of {job.name}"
    if task.state is TaskState.FAILED or task.is_row_killed:
        return explain_failure(facts, task, about)
    if task.state is TaskState.OK:
        outcome = record.outcome
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


def _alone(task: TaskView) -> str:
    alone = " The task runs alone, because an earlier consumer vanished while the task was reserved."
    return alone if task.record.suspect else ""


def _blocked(facts: Facts) -> bool:
    """True if no task of the job can start now."""
    return not facts.job.startable or facts.unserved or bool(facts.fault or facts.obstacles or facts.rival)


def _describe_last(job: Job, task: TaskView) -> str:
    """Return how the last attempt of a task ended, and how many extra attempts for this cause are used."""
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


def explain_failure(facts: Facts, task: TaskView, about: str) -> Explanation:
    """Return the explanation why a task failed. `about`: subject of the first sentence, for example "task 7"."""
    job = facts.job
    outcome = task.record.outcome
    if outcome is None:
        return Explanation(
            "failed", f"{about} failed, but the outcome of the task is not in the queue.", show_command(job, task)
        )
    cause = outcome.cause
    if cause is Cause.KILLED:
        why = printable(outcome.message, MESSAGE_CHARACTERS)
        text = f"{about} does not run: {why or 'its row was killed'}. A reset runs the killed rows again."
        return Explanation("killed", text, f"{command('reset', job.name)} --state killed")
    extra, used = job.budgets.extra.get(cause, 0), task.record.charges.get(cause, 0)
    text = f"{about} failed: {last_reason(task)}."
    spent = extra > 0 and used > extra
    if spent:
        allowed = format_count(extra, "extra attempt")
        text += f" The budget of the task is spent: {used} attempts ended by {cause}, with {allowed} allowed."
    elif outcome.final:
        text += " No further attempt runs, because another attempt would end in the same way."
    else:
        text += f" No further attempt runs, because no extra attempt is allowed after {cause}."
    word = "budget_spent" if spent else "failed"
    if cause in _REMEDIES:
        text += " The failed rows run again with a larger limit."
        return Explanation(word, text, f"{sub_again(job)} {_REMEDIES[cause]}")
    if cause in _OWN:
        text += (
            repair_call(job)
            if facts.mapped
            else f" After a correction of its files, `{command('reset', job.name, 'update')}` runs the failed rows"
            f" again; `{sub_again(job)} COMMAND` runs them with another command."
        )
        return Explanation(word, text, show_command(job, task))
    return Explanation(word, f"{text} A reset gives the failed rows full budgets.", command("reset", job.name))


def repair_call(job: Job) -> str:
    """Return the sentence about the call that runs the failed rows of a job of `kubeque.map` again."""
    return (
        f" To run the failed rows with a corrected function, call kubeque.map again with name={job.name!r} and"
        ' existing="repair".'
    )


def sub_again(job: Job) -> str:
    """Return the start of a `kubeque sub` command that runs the rows again that are not ok, with the job's options."""
    name = shlex.quote(job.name)
    return f"kubeque sub --like {name} -n {name} --repair"


def show_command(job: Job, task: TaskView) -> str:
    """Return the command that shows the files and attempts of a task."""
    return f"{command('show', job.name)} {task.index}"
