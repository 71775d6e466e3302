"""Options that are not part of the spec. A submission that changes nothing else leaves those of the existing job."""

from __future__ import annotations

from dataclasses import replace

from kubeque.model.job.job import Job
from kubeque.model.sweep.options import OPTIONS
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.wording import command, option

#: Fields of a sweep, and the fields of a job with their values.
_FIELDS = {
    option.sweep_field: option.kept.removeprefix("job.") for option in OPTIONS if option.kept.startswith("job.")
} | {"retry_causes": "budgets"}
#: Values of fields that the user did not set.
_UNSET = ("None", "0", "", "{}")
#: Options that a command can change, and this command.
_COMMANDS = {"priority": "priority", "consumers": "scale"}


def copy_options(job: Job, fresh: Job) -> Job:
    """Return `job` with those options of `fresh` that are not part of the spec."""
    return replace(
        job, budgets=fresh.budgets, max_failures=fresh.max_failures, allow_failed=fresh.allow_failed,
        deadline=fresh.deadline, deadline_seconds=fresh.deadline_seconds, consumers=fresh.consumers,
        priority=fresh.priority, results_ttl=fresh.results_ttl, origin=fresh.origin,
        submitter=fresh.submitter,
    )  # fmt: skip


def note_kept(sweep: Sweep, before: Job, fresh: Job) -> tuple[str, ...]:
    """Return a note if the sweep sets options that have other values in the job `before`; otherwise no note.

    `fresh`: the job that the sweep would make.
    """
    kept = [
        name
        for name, of_job in _FIELDS.items()
        if str(getattr(sweep, name)) not in _UNSET and getattr(before, of_job) != getattr(fresh, of_job)
    ]
    if not kept:
        return ()
    remedies = [f"{command(verb, before.name)} changes {name}" for name, verb in _COMMANDS.items() if name in kept]
    if set(kept) - set(_COMMANDS):
        remedies.append(f"{option('replace')} runs all rows with the new values")
    return (f"the existing job keeps its own {', '.join(kept)}: {', '.join(remedies)}",)
