"""Options of a sweep that are not part of its spec.

If a sweep is submitted again with an equal spec, the existing job keeps its values of these options.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, replace

from kubeque.model.job.job import Job
from kubeque.model.sweep.options import OPTIONS
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.wording import command, option

#: Fields of a sweep that are not part of its spec, each with the name of the job's field that has the value.
_FIELDS = {
    option.sweep_field: option.kept.removeprefix("job.") for option in OPTIONS if option.kept.startswith("job.")
} | {"retry_causes": "budgets"}
#: Default values of the fields in _FIELDS. The default of a field with a default factory is an empty mapping.
_UNSET = {each.name: {} if each.default is MISSING else each.default for each in fields(Sweep) if each.name in _FIELDS}
#: Options that a command can change in an existing job, each with the name of the command.
_COMMANDS = {"priority": "priority", "consumers": "scale"}


def copy_options(job: Job, fresh: Job) -> Job:
    """Return `job` with those options of `fresh` that are not part of the spec."""
    return replace(
        job, budgets=fresh.budgets, max_failures=fresh.max_failures, allow_failed=fresh.allow_failed,
        deadline=fresh.deadline, deadline_seconds=fresh.deadline_seconds, consumers=fresh.consumers,
        priority=fresh.priority, run_on=fresh.run_on, results_ttl=fresh.results_ttl, origin=fresh.origin,
        submitter=fresh.submitter,
    )  # fmt: skip


def note_kept(sweep: Sweep, before: Job, make: Callable[[], Job]) -> tuple[str, ...]:
    """Return a note if the sweep sets options that have other values in the job `before`; otherwise no note.

    `make`: returns the job that the sweep would create. It is called only if an option is set, because it sends a
    request to the queue.
    """
    given = [name for name in _FIELDS if getattr(sweep, name) != _UNSET[name]]
    fresh = make() if given else before
    kept = [name for name in given if getattr(before, _FIELDS[name]) != getattr(fresh, _FIELDS[name])]
    if not kept:
        return ()
    remedies = [f"{command(verb, before.name)} changes {name}" for name, verb in _COMMANDS.items() if name in kept]
    if set(kept) - set(_COMMANDS):
        remedies.append(f"{option('replace')} runs all rows with the new values")
    return (f"the existing job keeps its own {', '.join(kept)}: {', '.join(remedies)}",)
