"""Submit a sweep: check it, upload it, and then make the job visible in one step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from kubeque.clusters.environment_files import Environments
from kubeque.files.layout import keys_url
from kubeque.files.transfer_progress import Tell
from kubeque.jobs.backends import Backends
from kubeque.jobs.submission.draft import Draft, draft
from kubeque.jobs.submission.effect import Effect, count_effect
from kubeque.jobs.submission.existing import Existing
from kubeque.jobs.submission.fit_machine import mixed_notes
from kubeque.jobs.submission.kept_options import copy_options, note_kept
from kubeque.jobs.submission.recent_jobs import note_submission
from kubeque.jobs.submission.reuse import Found, changed_rows, find_done, members, note_done, repair
from kubeque.jobs.submission.submitter_environment import differences, explain
from kubeque.jobs.upkeep.reconcile import reconcile
from kubeque.jobs.upkeep.result_links import write_links
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import JobExists, UserError
from kubeque.model.job.changes import pause_job, raise_needs
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.row_keys import no_keys
from kubeque.model.rows.index_ranges import to_ranges
from kubeque.model.rows.rows import MAX_TASKS
from kubeque.model.sweep.job_name import check_name
from kubeque.model.sweep.sweep import Sweep, with_name
from kubeque.model.wording import option
from kubeque.queues.block import block_size, make_blocks, spread
from kubeque.queues.succession import replace_job
from kubeque.queues.transitions import link

#: Words in `Submitted.what` for a change of an existing job.
_DONE = {Existing.REPAIR: "repaired", Existing.REVISE: "revised", Existing.REPLACE: "replaced"}
#: Maximum number of index ranges in one reset, because each reader of the job's record reads all ranges.
MAX_RANGES = 5_000


@dataclass(frozen=True, slots=True, repr=False)
class Submitted:
    """The result of a submission."""

    job: Job
    #: "made", "adopted" (a job with an equal spec existed), "repaired", "revised" or "replaced".
    what: str
    #: Number of uploaded bytes.
    sent: int = 0
    #: Reason why the requested search for finished rows was not possible; empty if it was possible or not requested.
    note: str = ""
    #: Reason why nothing repairs and closes the job after the submitter has ended; empty if a keeper repairs and closes
    #: it.
    unkept: str = ""
    #: The effect on the rows of the existing job; None if it was not counted.
    effect: Effect | None = None
    #: Notes for the user: options that were reduced or have no effect, one sentence each.
    notes: tuple[str, ...] = ()
    #: Indexes of the canaries, which run first; empty if no task is held.
    canaries: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"Submitted({self.what}: {self.job!r})"

    def _repr_html_(self) -> str:
        return self.job._repr_html_()


def submit(
    backends: Backends, sweep: Sweep, *, existing: Existing = Existing.REFUSE, progress: Tell | None = None,
    typed: Collection[str] = (), confirm: Callable[[Effect], bool] | None = None, count_kept: bool = False,
) -> Submitted:  # fmt: skip
    """Submit a sweep, start consumers, and return the result.

    `existing`: what to do with an existing job of the same name. `progress`: function that gets the numbers of uploaded
    files and bytes. `typed`: names of the options that the user typed for this submission. `confirm`: function that
    gets the effect on the rows of an existing job before the job changes, and returns True to continue. `count_kept`:
    True to count the rows for this effect even without `confirm`, if the sweep has the same rows as the existing job.

    Raises UserError before anything is submitted: for a typed option without effect, or if `confirm` returns False.
    Raises JobExists if REFUSE is given and the existing job has another spec.
    """
    sweep = sweep.check()
    if not 1 <= sweep.rows.n <= MAX_TASKS:
        raise UserError(f"the sweep has {sweep.rows.n} rows: a job must have 1 to {MAX_TASKS} rows")
    name = check_name(with_name(sweep).name or "")
    backends.files.check_writable(backends.config.default_url_prefix)
    wanted = draft(backends, sweep, progress, typed=typed)
    before = backends.queue.find(name)
    effect = None
    if before is not None and existing is not Existing.REFUSE:
        if confirm is not None:
            effect = count_effect(backends, wanted, before, existing)
            _confirm(confirm, effect)
        elif count_kept and backends.spec(before).rows.digest == wanted.spec.rows.digest:
            effect = count_effect(backends, wanted, before, existing)
        elif existing is Existing.REPAIR:  # refused before anything is stored
            repair(backends, before, wanted.spec, sweep.rows, wanted.keys, wanted.stored_keys)
    submitted = _create(backends, wanted, name) if before is None else _again(backends, wanted, before, existing)
    note_submission(backends.config.home, backends.config.queue_url, name)
    reconcile(backends, name, start=True)
    asked = sweep.skip_done or existing is Existing.REVISE
    return replace(
        submitted, note=no_keys(wanted.spec) if asked else "", unkept=backends.cluster.why_unkept(wanted.spec),
        effect=effect,
        notes=(*wanted.notes, *submitted.notes, *mixed_notes(backends, wanted.spec, wanted.machine, submitted.job)),
    )  # fmt: skip


def _confirm(confirm: Callable[[Effect], bool], effect: Effect) -> None:
    if not confirm(effect):
        raise UserError("nothing was submitted: --repair runs only the rows that are not ok")


def _create(
    backends: Backends, wanted: Draft, name: str, *, before: Job | None = None, existing: Existing = Existing.REFUSE
) -> Submitted:
    """Create a job, or replace the job `before` by a new job. Link rows that have an ok result in an earlier job."""
    job = wanted.job(backends, name)
    job, sent = wanted.store(backends, job)
    found = _find(backends, wanted, job, before, existing)
    if found.done:
        write_links(backends, job, found.done)
        job = replace(job, linked=len(found.done))
    first = _canaries(wanted.sweep, found)
    job = replace(job, canaries=len(first))
    if before is not None:
        job = job.with_replaced(before)
    if before is not None and before.paused:
        job = pause_job(job, backends.queue.now())  # only `resume` or the end of the job ends a pause
    blocks = make_blocks(job.uid, job.n, block_size(job.n, job.consumers), canaries=first)
    content = (link(block, found.done) for block in blocks)
    try:
        job = (
            backends.queue.create(job, content) if before is None else replace_job(backends.queue, before, job, content)
        )
    except JobExists:
        backends.files.delete_tree(job.url)
        Environments(backends.config.home).remove(job.uid)
        there = backends.queue.find(name)
        if there is not None and there.spec_digest == job.spec_digest:  # an equal sweep was submitted in the meantime
            return Submitted(there, "adopted")
        raise
    if before is not None:
        Environments(backends.config.home).remove(before.uid)
    told = [(source, rows) for source, rows in found.told if before is None or source.uid != before.uid]
    notes = _note_done(backends, wanted, job) if existing is not Existing.REPLACE else ()
    return Submitted(_unlink_removed(backends, job, told), "made", sent, notes=notes, canaries=tuple(first))


def _note_done(backends: Backends, wanted: Draft, job: Job) -> tuple[str, ...]:
    """Return the note of `note_done` about a job in a series, as a tuple of at most one text."""
    sweep = wanted.sweep
    if not (sweep.series and sweep.skip_done and wanted.keys):
        return ()
    earlier = [member for member in members(backends, sweep.series) if member.uid != job.uid]
    note = note_done(backends, job, wanted.spec, job.linked, earlier)
    return (note,) if note else ()


def _canaries(sweep: Sweep, found: Found) -> list[int]:
    """Return the indexes of the canaries. Linked tasks are not canaries.

    Return no index if all other tasks would be canaries.
    """
    if not sweep.canaries:
        return []
    left = [index for index in range(sweep.rows.n) if index not in found.done]
    return spread(left, sweep.canaries) if sweep.canaries < len(left) else []


def _find(backends: Backends, wanted: Draft, job: Job, before: Job | None, existing: Existing) -> Found:
    """Find the rows that do not have to run, because `before` or an earlier job of the series has their ok results.

    Store the row keys of a job that belongs to a series.
    """
    sweep = wanted.sweep
    repaired = Found()
    if before is not None and existing is Existing.REPAIR:
        repaired = repair(backends, before, wanted.spec, sweep.rows, wanted.keys, wanted.stored_keys)
    sources = [before] if before is not None and existing is Existing.REVISE else []
    if sweep.series and sweep.skip_done and existing is not Existing.REPLACE:
        sources += [member for member in members(backends, sweep.series) if before is None or member.uid != before.uid]
    keys = wanted.keys if sources or sweep.series else b""
    if keys and sweep.series:
        backends.files.write(keys_url(job, job.revision), keys)
    if not keys:
        return repaired
    found = find_done(backends, sources, keys, revision=job.revision, skip=repaired.done)
    return Found({**found.done, **repaired.done}, [*repaired.told, *found.told])


def _unlink_removed(backends: Backends, job: Job, told: Sequence[tuple[Job, list[int]]]) -> Job:
    """Run linked rows of a new job if their source job was removed before the new job became visible. Return the job.

    `told`: source jobs, each with the indexes of the rows that link to it. `remove` first deletes a job from the queue,
    and then reads the links of all jobs. A submission first creates its job, and then reads the source jobs again. So
    at least one of the two operations detects the other operation.
    """
    lost: list[int] = []
    for source, rows in told:
        now = backends.queue.find(source.name)
        if now is None or now.uid != source.uid:
            lost += rows
    return _reset_rows(backends, job, sorted(lost))


def _reset_rows(backends: Backends, job: Job, rows: Sequence[int]) -> Job:
    ranges = tuple(to_ranges(rows))
    for at in range(0, len(ranges), MAX_RANGES):
        job = backends.queue.reset(job.name, ResetRule(ranges=ranges[at : at + MAX_RANGES]))
    return job


def _again(backends: Backends, wanted: Draft, before: Job, existing: Existing) -> Submitted:
    """Submit a sweep under the name of the existing job `before`."""
    if wanted.sweep.canaries and existing is not Existing.REFUSE:
        new = _create(backends, wanted, before.name, before=before, existing=existing)
        return replace(new, what=_DONE[existing])
    same = before.spec_digest == wanted.spec.digest()
    differs = differences(backends, before, wanted.environment) if same else ()
    if existing is not Existing.REFUSE and (not same or _has_old_rows(backends, wanted, before, existing)):
        return revise(backends, wanted, before, existing)
    if not same:
        raise JobExists(
            f"the job {before.name!r} already exists with another command, other inputs or other rows. To change the"
            f" job, add {option('repair')} (run only failed rows), {option('revise')} (run failed and changed rows) or"
            f" {option('replace')} (run all rows); to keep the job, choose another name with {option('name')}"
        )
    if before.closing is not None and not before.closing.success and existing in (Existing.REVISE, Existing.REPAIR):
        if differs:
            return revise(backends, wanted, before, existing)
        fresh = wanted.job(backends, before.name)
        return Submitted(
            backends.queue.reset(before.name, ResetRule(), lambda now: copy_options(now, fresh)), _DONE[existing]
        )
    kept = note_kept(wanted.sweep, before, lambda: wanted.job(backends, before.name))
    return Submitted(before, "adopted", notes=((explain(before, differs),) if differs else ()) + kept)


def _has_old_rows(backends: Backends, wanted: Draft, before: Job, existing: Existing) -> bool:
    """True if ok rows of `before` must run again although `before` and `wanted` have the same spec.

    For REPLACE, always True. For REVISE, True if a row that was ok in an earlier revision, or that a repair kept,
    now has a different row key.
    For REPAIR, always False, because a repair keeps all ok rows.
    """
    if existing is not Existing.REVISE or (before.revision == 1 and not before.linked) or not wanted.keys:
        return existing is Existing.REPLACE
    return bool(changed_rows(backends, before, wanted.keys, wanted.stored_keys))


def revise(
    backends: Backends, wanted: Draft, before: Job, existing: Existing, rule: ResetRule | None = None
) -> Submitted:
    """Add a revision to the job `before` if rows and shapes are unchanged. Otherwise replace the job by a new job.

    `rule`: selects the tasks that run again under the new revision, and keeps held tasks held; if None,
    `existing` decides, and held tasks run. Raises StorageError.
    """
    old = backends.spec(before)
    what = _DONE[existing]
    if old.rows.digest != wanted.spec.rows.digest or old.shapes != wanted.spec.shapes:
        return replace(_create(backends, wanted, before.name, before=before, existing=existing), what=what)
    fresh = wanted.job(backends, before.name)
    after = replace(fresh, uid=before.uid, url=before.url, revision=before.revision + 1, spec_hashes=before.spec_hashes)
    after, sent = wanted.store(backends, after, stored=old.rows)
    keys = wanted.keys if existing is Existing.REVISE or after.series else b""
    if keys and after.series:
        backends.files.write(keys_url(after, after.revision), keys)

    def change(now: Job) -> Job:
        revised = replace(
            now, revision=after.revision, spec_digest=after.spec_digest, spec_hashes=after.spec_hashes, floor=0,
            series=after.series, fleet=after.fleet,
        )  # fmt: skip
        return raise_needs(copy_options(revised, after), after.needs)

    rule = replace(rule or ResetRule(everything=existing is Existing.REPLACE, go=True), break_leases=True)
    job = backends.queue.reset(before.name, rule, change)
    # After the reset, outcomes of the old spec are refused. So the set of rows that are ok under the old spec is final.
    if existing is Existing.REVISE:
        job = _reset_rows(backends, job, changed_rows(backends, job, keys, wanted.stored_keys))
    return Submitted(job, what, sent)
