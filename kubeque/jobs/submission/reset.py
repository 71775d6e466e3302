"""Run tasks of a job again, with the stored or with the present inputs and environment."""

from __future__ import annotations

from datetime import datetime

from kubeque.jobs.backends import Backends
from kubeque.jobs.submission.draft import draft
from kubeque.jobs.submission.existing import Existing
from kubeque.jobs.submission.input_sources import changed_inputs, read_sources, with_sources
from kubeque.jobs.submission.reset_effect import count_reset, is_pointless
from kubeque.jobs.submission.submit import revise
from kubeque.jobs.submission.submitter_environment import check_environment, renew_environment
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.text import cut, printable
from kubeque.model.wording import code

#: Number of changed files that a message names.
_NAMED = 3


def reset(backends: Backends, name: str, rule: ResetRule, *, update: bool = False) -> Job:
    """Run again the tasks that `rule` selects. If the rule selects no task, change nothing.

    `update`: True to use the present files and environment, as a new revision of the job. Tasks that are ok and that
    the rule does not select keep their results. Raises JobNotFound, UserError. Raises EnvironmentGone if the
    environment of the job's submission is needed but gone.
    """
    before = backends.queue.job(name)
    if is_pointless(before, count_reset(backends, before, rule), update=update):
        return before
    spec = backends.spec(before)
    if not update:
        check_environment(backends, before, spec)
        return backends.queue.reset(name, rule)
    sources = read_sources(backends, before)
    if sources is None:
        return renew_environment(backends, before, spec, rule)
    if spec.cluster != backends.cluster.url:
        raise UserError(f"{name} runs in the cluster {spec.cluster}: to update it, name the cluster in .kubeque")
    wanted = draft(backends, with_sources(backends, before, sources))
    return revise(backends, wanted, before, Existing.REPLACE if rule.everything else Existing.REPAIR, rule).job


def stale_note(backends: Backends, job: Job) -> str:
    """Return a note on input files that changed on this machine since the submission; empty if no file changed."""
    sources = read_sources(backends, job)
    names = changed_inputs(backends, job, sources) if sources else ()
    if not sources or not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    named = ", ".join(cut(printable(name), 60) for name in names[:_NAMED])
    have = "have" if len(names) > 1 else "has"
    return (
        f"{named}{more} {have} changed: this runs the version of {_when(sources.at)};"
        f" {code('reset', job.name, 'update')} uses the new one"
    )


def _when(at: float) -> str:
    """Return a local time as text, without the date if it is today."""
    then = datetime.fromtimestamp(at)
    return f"{then:%H:%M}" if then.date() == datetime.now().date() else f"{then:%Y-%m-%d %H:%M}"
