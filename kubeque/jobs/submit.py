"""From a sweep to a job: checked, uploaded, and then made visible in one step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from kubeque.files.inputs import push
from kubeque.files.pages import write_pages
from kubeque.files.urls import join
from kubeque.jobs.reconcile import reconcile
from kubeque.jobs.site import Site
from kubeque.jobs.stage import find, make_spec
from kubeque.model.errors import JobExists, UserError
from kubeque.model.job import HEARTBEAT_SECONDS, LEASE_SECONDS, MAX_TASKS, Job, ResetRule, new_uid
from kubeque.model.parameters import Rows
from kubeque.model.resources import parse_duration
from kubeque.model.retries import Budgets
from kubeque.model.spec import JobSpec
from kubeque.model.sweep import Sweep, check_name, parse_allowed, readable_name
from kubeque.queues.block import block_size, make_blocks


class Existing(Enum):
    """What to do where a job of the same name and another spec is there."""

    REFUSE = "refuse"
    #: Rows that failed, and all rows whose command, inputs or values changed, run under the new spec.
    REVISE = "revise"
    #: All rows run under the new spec.
    REPLACE = "replace"
    #: Only rows that failed run under the new spec; those that are ok stay as they are.
    REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission."""

    job: Job
    #: "made", "adopted" (the same job was there), "revised" or "replaced".
    what: str
    #: Bytes uploaded.
    sent: int = 0


def submit(
    site: Site, sweep: Sweep, *, existing: Existing = Existing.REFUSE, progress: Callable[[int], None] | None = None
) -> Submitted:
    """Submit a sweep and see that consumers run. Raises UserError before anything is submitted.

    `progress` is told the bytes of each piece uploaded.
    """
    sweep = sweep.checked()
    if not 1 <= sweep.rows.n <= MAX_TASKS:
        raise UserError(f"the sweep has {sweep.rows.n} rows: a job takes from 1 to {MAX_TASKS}")
    name = sweep.name or readable_name()
    prefix = site.config.default_url_prefix
    site.files.check_writable(prefix)
    staging = find(site, sweep)
    sent = push(staging, site.config.cas_url_prefix, site.files, progress=progress)
    spec = make_spec(site, sweep, staging)
    before = site.queue.find(check_name(name))
    submitted = _create(site, sweep, spec, name) if before is None else _again(site, sweep, spec, before, existing)
    reconcile(site, name)
    return replace(submitted, sent=sent)


def _new_job(site: Site, sweep: Sweep, spec: JobSpec, name: str) -> Job:
    uid, n = new_uid(), sweep.rows.n
    lease = sweep.lease_seconds or LEASE_SECONDS
    now = time.time()
    return Job(
        name=name, uid=uid, n=n, url=join(site.config.default_url_prefix, name, uid),
        consumers=sweep.consumers or site.config.consumers or site.cluster.default_consumers(n),
        fleet=site.cluster.fleet(name), priority=sweep.priority, created=now, spec_digest=spec.digest(),
        shapes=spec.shapes, budgets=Budgets().with_extra(sweep.retries), max_failures=sweep.max_failures,
        allow_failed=parse_allowed(sweep.allow_failed),
        deadline=now + parse_duration(sweep.deadline, "deadline") if sweep.deadline is not None else None,
        lease_seconds=lease, heartbeat_seconds=min(HEARTBEAT_SECONDS, lease / 3), series=sweep.series,
    )  # fmt: skip


def _create(site: Site, sweep: Sweep, spec: JobSpec, name: str) -> Submitted:
    job = _new_job(site, sweep, spec, name)
    _write_spec(site, job, spec, sweep.rows)
    try:
        site.queue.create(job, make_blocks(job.uid, job.n, block_size(job.n, job.consumers)))
    except JobExists:
        site.files.delete_tree(job.url)
        there = site.queue.job(name)
        if there.spec_digest == job.spec_digest:  # somebody submitted the same at the same moment
            return Submitted(there, "adopted")
        raise
    return Submitted(job, "made")


def _write_spec(site: Site, job: Job, spec: JobSpec, rows: Rows) -> None:
    if spec.rows.kind == "table":
        write_pages(rows, job.url, site.files)
    site.files.write(job.spec_url, spec_bytes(spec))


def spec_bytes(spec: JobSpec) -> bytes:
    """The spec as it is stored."""
    return json.dumps(spec.to_wire()).encode()


def _again(site: Site, sweep: Sweep, spec: JobSpec, before: Job, existing: Existing) -> Submitted:
    """A job of that name is there."""
    same = before.spec_digest == spec.digest()
    if existing is Existing.REPLACE or (not same and existing in (Existing.REVISE, Existing.REPAIR)):
        return _revise(site, sweep, spec, before, existing)
    if not same:
        raise JobExists(
            f"there is a job {before.name!r} already, with another command, other inputs or other rows: say --revise to"
            " run again what failed or changed, --replace to run all rows, or choose another name with -n"
        )
    if before.closing is not None and not before.closing.success and existing in (Existing.REVISE, Existing.REPAIR):
        return Submitted(site.queue.reset(before.name, ResetRule()), "revised")
    return Submitted(before, "adopted")


def _revise(site: Site, sweep: Sweep, spec: JobSpec, before: Job, existing: Existing) -> Submitted:
    """The next revision in place if the rows are the same; else a new job under the old name."""
    old = site.spec(before)
    what = "replaced" if existing is Existing.REPLACE else "revised"
    if old.rows.digest != spec.rows.digest or old.shapes != spec.shapes:
        site.queue.remove(before.name)
        return replace(_create(site, sweep, spec, before.name), what=what)
    fresh = _new_job(site, sweep, spec, before.name)
    after = replace(fresh, uid=before.uid, url=before.url, revision=before.revision + 1)
    site.files.write(after.spec_url, spec_bytes(spec))
    rule = ResetRule(everything=existing is not Existing.REPAIR, break_leases=True)

    def change(now: Job) -> Job:
        return replace(
            now, revision=after.revision, spec_digest=after.spec_digest, budgets=after.budgets, floor=0,
            max_failures=after.max_failures, allow_failed=after.allow_failed, deadline=after.deadline,
            consumers=after.consumers, priority=after.priority, token=now.token,
        )  # fmt: skip

    return Submitted(site.queue.reset(before.name, rule, change), what)
