"""The reason why a job or a task failed, ended or is not running, and the command to type next.

These functions are pure: they turn the records of the queue and the answers of the cluster into one paragraph.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job, JobState
from kubeque.model.job.lease_durations import REVIEW_SECONDS
from kubeque.model.job.task import TaskState, TaskView
from kubeque.model.quantities import format_seconds
from kubeque.model.stats.failure_text import reason
from kubeque.model.text import LINE_CHARACTERS, VALUE_CHARACTERS, printable
from kubeque.model.wording import command

#: Maximum number of characters of the message of a failure.
_MESSAGE = 2 * VALUE_CHARACTERS
#: Flag with a placeholder for its value. With a larger value, a task that failed by this cause can succeed.
_REMEDIES: Mapping[Cause, str] = {
    Cause.OOM: "--max-memory SIZE", Cause.DISK: "--disk SIZE", Cause.TIMEOUT: "--task-timeout TIME",
}  # fmt: skip
#: Causes that lie in the command itself. The output of the command shows more.
_OWN = (Cause.EXIT, Cause.SIGNAL, Cause.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Rival:
    """A job that the same consumers serve first."""

    name: str
    #: Number of tasks that are pending or running.
    tasks: int
    priority: int


@dataclass(frozen=True, slots=True)
class Facts:
    """The answers of queue, store and cluster about a job, and about one of its tasks."""

    job: Job
    counts: Counts
    #: Time by the clock of the queue, Unix seconds.
    now: float
    #: Number of running consumers of the job's fleet.
    consumers: int = 0
    #: True if tasks wait, and no consumer runs for them.
    unserved: bool = False
    #: Error of the store or of the cluster; empty without one.
    fault: str = ""
    #: Reasons of the cluster why consumers do not start.
    obstacles: tuple[str, ...] = ()
    rival: Rival | None = None
    #: The first failed task whose row was not killed; None without one.
    failed: TaskView | None = None
    #: Number of waiting tasks that run alone, because a consumer vanished with them.
    suspects: int = 0
    #: The task in question; None for the whole job.
    task: TaskView | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer for users."""

    #: One word for the situation, for programs.
    cause: str
    #: The reason, and what happens next.
    text: str
    #: The command to type next.
    command: str


def explain(facts: Facts) -> Explanation:
    """Return why the job or the task of `facts` failed, ended or is not running, and what to type next."""
    task = facts.task
    if task is None:
        found = _explain_job(facts)
        return Explanation(found.cause, f"{facts.job.name} {found.text}", found.command)
    found = _explain_task(facts, task) or _explain_job(facts)
    name = facts.job.name
    about = f"task {task.index} of {name}"
    own = found.text.startswith(about)
    return found if own else Explanation(found.cause, f"{about} is {task.state}: {name} {found.text}", found.command)


# ---------------------------------------------------------------------- a task
def _explain_task(facts: Facts, task: TaskView) -> Explanation | None:
    """Return the explanation of one task; None if the reason is that of the whole job."""
    job, record = facts.job, task.record
    about = f"task {task.index} of {job.name}"
    if task.state is TaskState.FAILED or task.is_row_killed:
        return _explain_failure(job, task, about)
    if task.state is TaskState.OK:
        outcome = record.outcome
        if outcome is not None and outcome.linked:
            text = (
                f"{about} did not run: it is linked to the ok result of an equal row in {printable(outcome.linked)}. "
                f"`{command('reset', job.name, 'all')}` runs all rows of the job themselves."
            )
            return Explanation("linked", text, _show(job, task))
        took = f" in {format_seconds(outcome.seconds)}" if outcome is not None else ""
        return Explanation("ok", f"{about} is ok: attempt {record.attempts} ended{took}.", _show(job, task))
    if record.kill:
        text = (
            f"{about} is killed: its consumer stops it within about {REVIEW_SECONDS:g} s."
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
    """Return how the last attempt ended, and how many extra attempts remain."""
    outcome, charges = task.record.outcome, task.record.charges
    if outcome is None:
        return ""
    used, extra = charges.get(outcome.cause, 0), job.budgets.extra.get(outcome.cause, 0)
    return (
        f"attempt {outcome.attempt} ended by {_reason(task)}; {used} of {extra} extra attempts for this cause are used."
    )


def _reason(task: TaskView) -> str:
    outcome = task.record.outcome
    return reason(outcome.cause, outcome.message, _MESSAGE) if outcome is not None else "an unknown cause"


def _explain_failure(job: Job, task: TaskView, about: str) -> Explanation:
    outcome = task.record.outcome
    if outcome is None:
        return Explanation(
            "failed", f"{about} failed, but the outcome of the task is not in the queue.", _show(job, task)
        )
    cause = outcome.cause
    if cause is Cause.KILLED:
        why = printable(outcome.message, _MESSAGE)
        text = f"{about} does not run: {why or 'its row was killed'}. A reset runs the killed rows again."
        return Explanation("killed", text, f"{command('reset', job.name)} --state killed")
    extra, used = job.budgets.extra.get(cause, 0), task.record.charges.get(cause, 0)
    text = f"{about} failed: {_reason(task)}."
    spent = extra > 0 and used > extra
    if spent:
        allowed = _count(extra, "extra attempt")
        text += f" The budget of the task is spent: {used} attempts ended by {cause}, with {allowed} allowed."
    elif outcome.final:
        text += " No further attempt runs, because another attempt would end in the same way."
    else:
        text += f" No further attempt runs, because no extra attempt is allowed after {cause}."
    word = "budget_spent" if spent else "failed"
    if cause in _REMEDIES:
        text += " The failed rows run again with a larger limit."
        return Explanation(word, text, f"{_sub_again(job)} {_REMEDIES[cause]}")
    if cause in _OWN:
        text += (
            f" After a correction of its files, `{command('reset', job.name, 'update')}` runs the failed rows again;"
            f" `{_sub_again(job)} COMMAND` runs them with another command."
        )
        return Explanation(word, text, _show(job, task))
    return Explanation(word, f"{text} A reset gives the failed rows full budgets.", command("reset", job.name))


def _sub_again(job: Job) -> str:
    """Return the command that runs the rows that are not ok again, with the options of the job."""
    name = shlex.quote(job.name)
    return f"kubeque sub --like {name} -n {name} --repair"


def _show(job: Job, task: TaskView) -> str:
    return f"{command('show', job.name)} {task.index}"


# ---------------------------------------------------------------------- a job
def _explain_job(facts: Facts) -> Explanation:
    """Return the explanation of a job.

    The text begins with a verb, because the caller puts the job's name before it.
    """
    job = facts.job
    if job.was_ended:
        return _explain_early_end(facts)
    if job.closing is not None:
        return _explain_end(facts)
    return _explain_order(facts) or _explain_obstacle(facts) or _explain_work(facts)


def _explain_early_end(facts: Facts) -> Explanation:
    job, counts = facts.job, facts.counts
    left = f" {_count(counts.killed, 'task')} did not end and will not run." if counts.killed else ""
    ends = f" {_count(counts.running, 'running task')} will end first." if counts.running else ""
    why = f": {printable(job.reason, _MESSAGE)}" if job.reason else ""
    text = f"is {job.state}{why}.{left}{ends}"
    if job.state is JobState.KILLED:
        return Explanation("killed", f"{text} A reset runs the killed tasks.", command("reset", job.name))
    if job.missed_deadline:
        text += " A reset runs the killed tasks, and the deadline starts again."
        return Explanation("deadline", text, command("reset", job.name))
    if facts.failed is not None:
        text += (
            f" The first failure is of task {facts.failed.index}: {_reason(facts.failed)}. After a correction of its"
            f" files, `{command('reset', job.name, 'update')}` continues the job, or `{_sub_again(job)} COMMAND` with"
            " another command."
        )
        return Explanation("stopped_early", text, _show(job, facts.failed))
    return Explanation("stopped_early", f"{text} A reset runs the killed tasks.", command("reset", job.name))


def _explain_end(facts: Facts) -> Explanation:
    job, counts = facts.job, facts.counts
    killed = f"{_count(counts.killed, 'row')} of {job.n} {'was' if counts.killed == 1 else 'were'} killed"
    if facts.failed is None and counts.killed:
        word = "is a success, although " if job.closing and job.closing.success else "failed: "
        text = f"{word}{killed}, and {counts.ok} are ok. A reset runs the killed rows again."
        return Explanation("killed", text, f"{command('reset', job.name)} --state killed")
    linked = f", of which {job.linked} are linked to results of earlier jobs and did not run" if job.linked else ""
    if facts.failed is None:
        text = f"is a success: {counts.ok} of {job.n} tasks are ok{linked}."
        return Explanation("linked" if job.linked == job.n else "success", text, f"{command('fetch', job.name)} FOLDER")
    first = _explain_failure(job, facts.failed, f"task {facts.failed.index}")
    word = "is a success, although " if job.closing and job.closing.success else "failed: "
    more = f" and {killed}" if counts.killed else ""
    return Explanation(
        first.cause, f"{word}{_count(counts.failed, 'task')} of {job.n} failed{more}; {first.text}", first.command
    )


def _explain_order(facts: Facts) -> Explanation | None:
    """Return the explanation if an order of a user or a limit holds the job."""
    job, counts = facts.job, facts.counts
    if job.paused:
        running = f" {_count(counts.running, 'running task')} will finish." if counts.running else ""
        why = f" because {job.pause.reason}" if job.pause is not None and job.pause.reason else ""
        text = f"is paused{why}: no task starts until the pause ends; the pause does not extend the deadline.{running}"
        return Explanation("paused", text, command("resume", job.name))
    if job.waits_for_go(counts):
        text = (
            f"is held: its canaries have ended ({counts.ok} ok, {counts.failed} failed), and"
            f" {_count(counts.held, 'more task')} will start after `{command('go', job.name)}`."
        )
        return Explanation("held", text, command("go", job.name))
    if job.is_overdue(facts.now):
        text = "has passed its deadline: the next program that observes the job stops it."
        return Explanation("deadline", text, command("status", job.name))
    return None


def _explain_obstacle(facts: Facts) -> Explanation | None:
    """Return the explanation if the store, the cluster or another job is in the way."""
    job = facts.job
    if facts.fault:
        text = (
            "cannot be examined further, because the store or the cluster does not answer:"
            f" {printable(facts.fault, LINE_CHARACTERS)}. Consumers that run keep their results and wait for the store."
        )
        return Explanation("away", text, command("doctor"))
    if facts.obstacles:
        return _explain_standstill(facts)
    if facts.unserved:
        text = f"waits: no consumer runs for its {_count(facts.counts.pending, 'pending task')}."
        return Explanation("no_consumer", f"{text} Watching the job starts consumers.", command("watch", job.name))
    if facts.rival is not None:
        rival = facts.rival
        text = (
            f"waits behind {rival.name}, which the same consumers serve first; {rival.name} has"
            f" {_count(rival.tasks, 'task')} left. A higher priority lets this job start first."
        )
        return Explanation("behind", text, f"{command('priority', job.name)} {rival.priority + 1}")
    return None


def _explain_standstill(facts: Facts) -> Explanation:
    messages = "; ".join(facts.obstacles)
    text = f"waits, because consumers do not start: {printable(messages, 2 * _MESSAGE)}."
    if "suspended" in messages or "of Kueue" in messages:
        text += " The consumers start when the Kubernetes Job is no longer suspended."
        return Explanation("suspended", text, _quoted_command(messages) or "kubectl get workloads")
    if "quota" in messages:
        text += " The consumers start when the quota has room. Request less, or use fewer consumers."
        return Explanation("quota", text, "kubectl describe resourcequota")
    return Explanation(
        "cannot_start", f"{text} kubeque tries again to start consumers.", command("doctor", "", "cluster")
    )


def _quoted_command(text: str) -> str:
    """Return the first command in backticks; empty without one."""
    parts = text.split("`")
    return parts[1] if len(parts) > 2 else ""


def _explain_work(facts: Facts) -> Explanation:
    job, counts = facts.job, facts.counts
    text = (
        f"runs: {counts.ok + counts.failed} of {job.n} tasks have ended, {counts.running} run and"
        f" {counts.pending} wait, with {_count(facts.consumers, 'consumer')}."
    )
    if counts.held:
        text += f" {_count(counts.held, 'task')} are held until the canaries have ended."
    if facts.suspects:
        text += (
            f" {_count(facts.suspects, 'task')} of a consumer that vanished will run alone, one after the other, to"
            " find the task that ends its consumer."
        )
        return Explanation("suspect", text, command("watch", job.name))
    if facts.failed is not None:
        text += f" {_count(counts.failed, 'task')} failed so far: task {facts.failed.index} by {_reason(facts.failed)}."
    if counts.killed:
        text += f" {_count(counts.killed, 'row')} {'was' if counts.killed == 1 else 'were'} killed."
    return Explanation("running", text, command("watch", job.name))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
