"""Run tasks of a job again, with the stored or with the present inputs and environment."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from kubeque.files.inputs.sources import push_sources
from kubeque.jobs.backends import Backends
from kubeque.jobs.reports.recorded_sources import read_sources
from kubeque.jobs.submission.draft import draft
from kubeque.jobs.submission.existing import Existing
from kubeque.jobs.submission.input_sources import changed_inputs, with_sources
from kubeque.jobs.submission.like import is_of_command
from kubeque.jobs.submission.reset_effect import ResetEffect, is_pointless, plan_reset
from kubeque.jobs.submission.submit import MAX_RANGES, revise
from kubeque.jobs.submission.submitter_environment import check_environment, renew_environment
from kubeque.model.command.command import format_word
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.row_selection import ALL_ROWS, RowSelection
from kubeque.model.job.spec import JobSpec
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.text import cut, printable
from kubeque.model.wording import code, option

#: Message in the outcomes of the rows of a killed job that a reset does not select.
_KILLED_WITH_JOB = "killed with its job"
#: Number of changed files that a message names.
_NAMED = 3


def reset(
    backends: Backends, name: str, rule: ResetRule, *, update: bool = False, selection: RowSelection = ALL_ROWS,
    run: int | None = None,
) -> ResetEffect:  # fmt: skip
    """Run again the tasks that `rule` and `selection` select, and return the effect.

    An ok task that is not selected keeps its results. If no task is selected, the job stays unchanged, with the
    exceptions of `is_pointless`.

    `update`: True to use the present files and environment, as a new revision of the job. `run`: number of the run that
    the caller has seen; if the job has another run, UserError is raised. So of two simultaneous requests, only one
    resets the job. None accepts every run. Raises JobNotFound, UserError. Raises EnvironmentGone if the tasks need the
    environment of the submission, but it no longer exists.
    """
    before = _require_run(backends.queue.job(name), run)
    plan = plan_reset(backends, before, rule, selection)
    if is_pointless(before, plan.effect, update=update) or (plan.effect.is_empty and not selection.is_empty):
        _require_run(backends.queue.job(name), run)  # if another reset was faster, nothing is selected
        return plan.effect
    ranges = plan.rule.ranges
    if update and len(ranges) > MAX_RANGES:
        raise UserError(f"{option('update')} cannot take {len(ranges)} ranges of rows: select at most {MAX_RANGES}")
    spec = backends.spec(before)
    if not update:
        check_environment(backends, before, spec)
    if any(plan.left):  # the rows of a killed job that are not selected
        backends.queue.kill_rows(before, plan.left, _KILLED_WITH_JOB)
    if not update:
        for at in range(0, max(1, len(ranges)), MAX_RANGES):
            expected = run if at == 0 else None  # each part of a reset begins a new run
            part = replace(plan.rule, ranges=ranges[at : at + MAX_RANGES])
            backends.queue.reset(name, part, partial(_require_run, run=expected))
    else:
        _update(backends, before, spec, plan.rule)
    return plan.effect


def _require_run(job: Job, run: int | None) -> Job:
    """Return `job`. Raises UserError if `run` is not the current run of the job. None accepts every run."""
    if run is not None and job.run != run:
        raise UserError(
            f"{job.name} was reset in the meantime: check its state, and repeat the reset if it is still needed"
        )
    return job


def _update(backends: Backends, before: Job, spec: JobSpec, rule: ResetRule) -> None:
    """Reset a job with the present input files and environment, as a new revision.

    If the files of the inputs are not recorded on this machine, only the environment is updated. Raises UserError.
    """
    sources = read_sources(backends, before)
    if sources is None:
        renew_environment(backends, before, spec, rule)
        return
    if spec.function is not None and not sources.base.is_dir():
        raise UserError(
            f"{before.name} calls a function, whose file was temporary: to run the corrected function, call kubeque.map"
            f' again with the same rows, name={before.name!r} and existing="repair"'
        )
    if spec.cluster != backends.cluster.url:
        raise UserError(
            f"{before.name} runs in the cluster {spec.cluster}: to update the job, set this cluster in .kubeque"
        )
    wanted = draft(backends, with_sources(backends, before, sources))
    revise(backends, wanted, before, Existing.REPLACE if rule.everything else Existing.REPAIR, rule)


def stale_note(backends: Backends, job: Job, *, like: Sweep | None = None) -> str:
    """Return a note on the input files that have changed since the submission; empty if no change is known.

    `like`: sweep that will be submitted with the stored inputs of the job; None for a reset. Raises UserError if a file
    of the sweep's `push` does not exist.
    """
    sources = read_sources(backends, job)
    names = list(changed_inputs(backends, job, sources)) if sources else []
    if like is not None and names:
        replaced = {source.name for push in like.push for source in push_sources(push, like.base)}
        names = [name for name in names if name not in replaced]
    if not sources or not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    named = ", ".join(cut(printable(name), 60) for name in names[:_NAMED])
    have = "have" if len(names) > 1 else "has"
    update = code("reset", job.name, "update")
    if like is not None:
        words = _command_words(backends.spec(job), names)
        new = f"the same command with {words} at its end runs the new one" if words else f"{update} runs the new one"
        return f"{named}{more} {have} changed here: this runs the version of {_when(sources.at)}; {new}"
    return (
        f"{named}{more} {have} changed: the reset runs the version of {_when(sources.at)};"
        f" {update} runs the new version"
    )


def _command_words(spec: JobSpec, names: Sequence[str]) -> str:
    """Return the command of a job as a user types it.

    Return "" for a function or a shell command, or if the command does not name all of the inputs `names`.
    """
    inputs = [item for item in spec.inputs if item.name in names]
    typed = not spec.function and not spec.shell and all(is_of_command(spec, item) for item in inputs)
    return shlex.join(map(format_word, spec.command)) if typed else ""


def _when(at: float) -> str:
    """Return a Unix time as text in local time. The text contains the date only if the date is not today."""
    then = datetime.fromtimestamp(at)
    return f"{then:%H:%M}" if then.date() == datetime.now().date() else f"{then:%Y-%m-%d %H:%M}"
