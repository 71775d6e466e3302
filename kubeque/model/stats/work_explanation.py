"""Explain why no consumer of `kubeque work` takes the tasks of a job."""

from __future__ import annotations

import shlex

from kubeque.model.quantities import format_bytes, format_seconds
from kubeque.model.stats.explanation_facts import Facts, WorkFacts
from kubeque.model.stats.places import format_places


def explain_work(facts: Facts) -> str:
    """Return sentences, each after a blank, about what a consumer of `kubeque work` needs for the tasks of a job.

    Return an empty text if such consumers have tasks of the job, or if nothing is known about them. A job that does not
    allow such consumers is only explained if they have tasks of other jobs.
    """
    job, work = facts.job, facts.work
    if work is None or work.serves:
        return ""
    where = format_places(work.elsewhere)
    if not job.takes_work:
        reason = "do not take its tasks, because it was submitted without --run-on work"
        return f" Consumers of kubeque work ({where}) {reason}." if where else ""
    sentences = [_describe_needs(work)]
    if job.runs_at_home:
        sentences.insert(0, "No consumer of kubeque work has tasks of it.")
    if where:
        sentences.append(
            f"Such consumers have tasks of other jobs ({where}). If they leave this job alone, they have printed why."
        )
    return "".join(f" {sentence}" for sentence in sentences if sentence)


def work_command(facts: Facts) -> str:
    """Return the command that starts consumers that may take the tasks of a job."""
    image = facts.work.image if facts.work is not None else ""
    return f"kubeque work --tags {shlex.quote(image)}" if image else "kubeque work"


def _describe_needs(work: WorkFacts) -> str:
    """Return a sentence about what `kubeque work` must offer for a task; empty if each machine can run the task."""
    needs = []
    if work.cpu:
        needs.append(f"{work.cpu:g} core{'s' * (work.cpu != 1)} (--cpu)")
    if work.memory:
        needs.append(f"{format_bytes(work.memory)} of memory (--memory)")
    if work.image:
        needs.append(f"the programs of the image {work.image} (--tags {work.image})")
    if work.task_timeout:
        needs.append(f"more than {format_seconds(work.task_timeout)} until its end (--for)")
    return f"It must offer {', '.join(needs)}." if needs else ""
