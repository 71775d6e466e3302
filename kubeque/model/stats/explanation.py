"""Explain why a job or a task failed, ended or is not running, and name the command to type next.

The functions are pure: they turn the records of the queue and the reports of the cluster into one paragraph.
"""

from __future__ import annotations

from dataclasses import replace

from kubeque.model.job.job_state import JobState
from kubeque.model.stats.explanation_facts import Explanation, Facts
from kubeque.model.stats.remedies import FailedGroup, find_remedy, format_steps, repair_call
from kubeque.model.stats.task_explanation import (
    MESSAGE_CHARACTERS,
    explain_failure,
    explain_task,
    last_reason,
)
from kubeque.model.stats.work_explanation import explain_work, work_command
from kubeque.model.text import LINE_CHARACTERS, format_count, printable
from kubeque.model.wording import canaries, command, option


def explain(facts: Facts) -> Explanation:
    """Explain why a job or a task failed, ended or is not running. The explanation has the command to type next.

    `facts`: facts about the job. If `facts.task` is set, explain this task.
    """
    task = facts.task
    if task is None:
        found = _explain_job(facts)
        return replace(found, text=f"{facts.job.name} {found.text}")
    found = explain_task(facts, task) or _explain_job(facts)
    name = facts.job.name
    about = f"task {task.index} of {name}"
    own = found.text.startswith(about)
    return found if own else replace(found, text=f"{about} is {task.state}: {name} {found.text}")


def _explain_job(facts: Facts) -> Explanation:
    """Return the explanation of a job. Its text begins with a verb, because the caller adds the job's name in front."""
    job = facts.job
    if job.was_ended:
        return _explain_early_end(facts)
    if job.closing is not None:
        return _explain_end(facts)
    return _explain_order(facts) or _explain_obstacle(facts) or _explain_work(facts)


def _explain_early_end(facts: Facts) -> Explanation:
    job, counts = facts.job, facts.counts
    left = f" {format_count(counts.killed, 'task')} did not end and will not run." if counts.killed else ""
    ends = f" {format_count(counts.running, 'running task')} will end first." if counts.running else ""
    why = f": {printable(job.reason, MESSAGE_CHARACTERS)}" if job.reason else ""
    text = f"is {job.state}{why}.{left}{ends}"
    if job.state is JobState.KILLED:
        return Explanation("killed", f"{text} A reset runs the killed tasks.", command("reset", job.name))
    if job.missed_deadline:
        text += " A reset runs the killed tasks, and the deadline starts again."
        return Explanation("deadline", text, command("reset", job.name))
    if facts.failures:
        first = facts.failures[0]
        text += f" The first failure is of task {first.task.index}: {_describe_groups(facts)}."
        text += repair_call(job) if first.mapped else ""
        steps = tuple(format_steps(job, facts.failures))
        return Explanation("stopped_early", text, find_remedy(job, first).steps[0][0], steps)
    return Explanation("stopped_early", f"{text} A reset runs the killed tasks.", command("reset", job.name))


def _explain_end(facts: Facts) -> Explanation:
    job, counts = facts.job, facts.counts
    killed = f"{format_count(counts.killed, 'row')} of {job.n} {'was' if counts.killed == 1 else 'were'} killed"
    if not facts.failures and counts.killed:
        word = "is a success, although " if job.closing and job.closing.success else "failed: "
        text = f"{word}{killed}, and {counts.ok} are ok. A reset runs the killed rows again."
        return Explanation("killed", text, f"{command('reset', job.name)} --state killed")
    are = "is" if job.linked == 1 else "are"
    linked = f", of which {job.linked} {are} linked to earlier results and did not run again" if job.linked else ""
    if not facts.failures:
        text = f"is a success: {counts.ok} of {job.n} tasks are ok{linked}."
        return Explanation("linked" if job.linked == job.n else "success", text, f"{command('fetch', job.name)} FOLDER")
    parts = [explain_failure(job, group, _name_group(group)) for group in facts.failures]
    word = "is a success, although " if job.closing and job.closing.success else "failed: "
    more = f" and {killed}" if counts.killed else ""
    rest = f" {format_count(facts.further, 'more task')} failed for other reasons." if facts.further else ""
    failed = f"{format_count(counts.failed, 'task')} of {job.n} failed{more}"
    text = f"{word}{failed}; {' '.join(part.text for part in parts)}{rest}"
    return Explanation(parts[0].cause, text, parts[0].command, tuple(format_steps(job, facts.failures)))


def _name_group(group: FailedGroup) -> str:
    """Return the subject of the sentence about a group."""
    if group.count == 1:
        return f"task {group.task.index}"
    return f"{group.count} tasks (the first failure is of task {group.task.index})"


def _describe_groups(facts: Facts) -> str:
    """Return a text with the reason of each group of failures, the number of tasks, and the first task."""
    first, *others = facts.failures
    texts = [last_reason(first.task) + (f" ({first.count} tasks)" if first.count > 1 else "")]
    texts += [f"{group.count} x {last_reason(group.task)} (first: task {group.task.index})" for group in others]
    return "; ".join([*texts, *([f"{facts.further} x other reasons"] if facts.further else [])])


def _explain_order(facts: Facts) -> Explanation | None:
    """Return the explanation of a job that is paused, is held, or has passed its deadline; None for other jobs."""
    job, counts = facts.job, facts.counts
    if job.paused:
        running = f" {format_count(counts.running, 'running task')} will finish." if counts.running else ""
        why = f" because {job.pause.reason}" if job.pause is not None and job.pause.reason else ""
        text = f"is paused{why}: no task starts until the pause ends; the pause does not extend the deadline.{running}"
        return Explanation("paused", text, command("resume", job.name))
    if job.waits_for_go(counts) and facts.failures:
        return _explain_failed_canaries(facts, facts.failures[0])
    if job.waits_for_go(counts):
        text = (
            f"is held: its {canaries()} have ended ({counts.ok} ok, {counts.failed} failed), and"
            f" {format_count(counts.held, 'more task')} will start after `{command('go', job.name)}`."
        )
        return Explanation("held", text, command("go", job.name))
    if job.is_overdue(facts.now):
        text = "has passed its deadline: the next program that observes the job stops it."
        return Explanation("deadline", text, command("status", job.name))
    return None


def _explain_failed_canaries(facts: Facts, group: FailedGroup) -> Explanation:
    job, counts = facts.job, facts.counts
    first = explain_failure(job, group, _name_group(group))
    text = (
        f"is held: {counts.failed} of {counts.ok + counts.failed} {canaries()} failed;"
        f" {first.text} {_rest(counts.held)} held after a reset, and"
        f" {'runs' if counts.held == 1 else 'run'} after {option('repair')}; `{command('go', job.name)}` runs"
        f" {'it' if counts.held == 1 else 'them'} once the {canaries()} are ok."
    )
    return Explanation(first.cause, text, first.command, tuple(format_steps(job, facts.failures)))


def _rest(held: int) -> str:
    return f"The other {format_count(held, 'task')} {'stays' if held == 1 else 'stay'}"


def _explain_obstacle(facts: Facts) -> Explanation | None:
    """Return the explanation of a job that waits for the store, for the cluster or for another job.

    Return None for a job that does not wait.
    """
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
        pending = format_count(facts.counts.pending, "pending task")
        if not job.runs_at_home:
            text = f"waits: no consumer of kubeque work has its {pending}. Start one on any machine that reaches"
            text += f" the queue and the store.{explain_work(facts)}"
            return Explanation("no_consumer", text, work_command(facts))
        text = f"waits: no consumer runs for its {pending}. Watching the job starts consumers.{explain_work(facts)}"
        return Explanation("no_consumer", text, command("watch", job.name))
    if facts.rival is not None:
        rival = facts.rival
        text = (
            f"waits behind {rival.name}, which the same consumers serve first; {rival.name} has"
            f" {format_count(rival.tasks, 'task')} left. A higher priority lets this job start first."
        )
        return Explanation("behind", text, f"{command('priority', job.name)} {rival.priority + 1}")
    return None


def _explain_standstill(facts: Facts) -> Explanation:
    messages = "; ".join(facts.obstacles)
    text = f"waits, because consumers do not start: {printable(messages, 2 * MESSAGE_CHARACTERS)}."
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
    """Return the first part of `text` in backticks, which is a command; empty if `text` has no such part."""
    parts = text.split("`")
    return parts[1] if len(parts) > 2 else ""


def _explain_work(facts: Facts) -> Explanation:
    job, counts = facts.job, facts.counts
    text = (
        f"runs: {counts.ok + counts.failed} of {job.n} tasks have ended, {counts.running} run and"
        f" {counts.pending} wait, with {format_count(facts.consumers, 'consumer')}."
    )
    if counts.held:
        text += f" {format_count(counts.held, 'task')} are held until the {canaries()} have ended."
    text += explain_work(facts) if counts.pending and job.takes_work else ""
    if facts.suspects:
        text += (
            f" {format_count(facts.suspects, 'task')} of a consumer that vanished will run alone, one after the other,"
            " to find the task that ends its consumer."
        )
        return Explanation("suspect", text, command("watch", job.name))
    if facts.failures:
        failed = format_count(counts.failed, "task")
        text += f" {failed} failed so far: task {facts.failures[0].task.index} by {_describe_groups(facts)}."
    if counts.killed:
        text += f" {format_count(counts.killed, 'row')} {'was' if counts.killed == 1 else 'were'} killed."
    return Explanation("running", text, command("watch", job.name))
