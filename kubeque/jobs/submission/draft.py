"""A checked sweep with its spec, and the upload of the spec, the inputs and the rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field, replace
from functools import cached_property

from kubeque.clusters.machine import Machine
from kubeque.clusters.open import is_local
from kubeque.files.inputs.inputs import Staging, push
from kubeque.files.layout import input_url, job_folder_url
from kubeque.files.rows.row_pages import write_pages
from kubeque.files.spec_file import write_spec
from kubeque.files.transfer_progress import Tell
from kubeque.jobs.backends import Backends
from kubeque.jobs.submission.build_spec import find, make_spec
from kubeque.jobs.submission.fit_machine import fit
from kubeque.jobs.submission.input_sources import keep_sources
from kubeque.jobs.submission.reuse import StoredKeys
from kubeque.jobs.submission.submitter_environment import environment_now, keep, user_name
from kubeque.jobs.upkeep.gc_lock import register, wait_until_cleared
from kubeque.jobs.upkeep.owner import write_owner
from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.versions import BASE_NEEDS, FUNCTION_NEEDS, LOCAL_NEEDS, RUN_ON_NEEDS, higher
from kubeque.model.errors import UserError
from kubeque.model.job.inherited_environment import Environment
from kubeque.model.job.job import WORK, Job, new_uid
from kubeque.model.job.lease_durations import HEARTBEAT_SECONDS, LEASE_SECONDS, RESULTS_WAIT_SECONDS, parse_lease
from kubeque.model.job.retries import Budgets
from kubeque.model.job.row_keys import no_keys, row_keys
from kubeque.model.job.spec import Input, JobSpec
from kubeque.model.quantities import parse_duration
from kubeque.model.rows.rows import RowsSpec
from kubeque.model.sweep.run_on import CLUSTER, LOCAL, normalize_run_on
from kubeque.model.sweep.secret_files import parse_secret_file, refuse_elsewhere
from kubeque.model.sweep.sweep import Sweep, parse_allowed


@dataclass(frozen=True)
class Draft:
    """A checked sweep with its spec and inputs. None of them is stored yet."""

    sweep: Sweep
    spec: JobSpec
    staging: Staging
    #: Variables and umask that the tasks get from this process. None for pods, which get only the `env` of the sweep
    #: and Secrets.
    environment: Environment | None = None
    #: Function that gets the progress of the upload.
    progress: Tell | None = None
    #: The machine that the tasks share; None if each consumer has its own resources.
    machine: Machine | None = None
    #: Notes for the user: options that were reduced or have no effect, one sentence each.
    notes: tuple[str, ...] = ()
    #: Cache of the row keys of stored revisions, by uid and revision.
    stored_keys: StoredKeys = field(default_factory=dict)

    def job(self, backends: Backends, name: str) -> Job:
        """Return a new job for this sweep, with a new uid."""
        sweep, uid, n = self.sweep, new_uid(), self.sweep.rows.n
        lease = parse_lease(sweep.lease) if sweep.lease is not None else LEASE_SECONDS
        results_wait = RESULTS_WAIT_SECONDS
        if sweep.results_wait is not None:
            results_wait = parse_duration(sweep.results_wait, "results_wait")
        now = backends.queue.now()  # consumers compare the deadline with the clock of the queue
        deadline = parse_duration(sweep.deadline, "deadline") if sweep.deadline is not None else None
        return Job(
            name=name, uid=uid, n=n, url=job_folder_url(backends.config.default_url_prefix, name, uid),
            consumers=sweep.consumers or backends.config.consumers or backends.cluster.default_consumers(n),
            fleet=backends.cluster.fleet(name, self.urls(backends)), priority=sweep.priority, created=now,
            spec_digest=self.spec.digest(),
            shapes=self.spec.shapes, budgets=Budgets().with_extra(sweep.retry_causes), max_failures=sweep.max_failures,
            allow_failed=parse_allowed(sweep.allow_failed),
            deadline=now + deadline if deadline is not None else None, deadline_seconds=deadline,
            lease_seconds=lease, heartbeat_seconds=min(HEARTBEAT_SECONDS, lease / 3), series=sweep.series,
            run_on=self._run_on(), results_wait=results_wait,
            origin=dict(sweep.origin), submitter=user_name(),
            results_ttl=parse_duration(sweep.results_ttl, "results_ttl") if sweep.results_ttl is not None else None,
            needs=self._needs(),
        )  # fmt: skip

    def _needs(self) -> str:
        """Return the lowest version of kubeque that can work on the job."""
        run_on = RUN_ON_NEEDS if self._run_on() else BASE_NEEDS
        typed = self.spec.rows.types and self.spec.function and self.spec.function.columns
        local, function = LOCAL_NEEDS if self.spec.local else BASE_NEEDS, FUNCTION_NEEDS if typed else BASE_NEEDS
        return higher(higher(local, function), run_on)

    def _run_on(self) -> str:
        return normalize_run_on(self.sweep.run_on, LOCAL if is_local(self.spec.cluster) else CLUSTER)

    def urls(self, backends: Backends) -> list[str]:
        """Return the URL of the results prefix and the URLs of all inputs."""
        inputs = [*self.spec.inputs, *self.spec.row_inputs.values()]
        return [backends.config.default_url_prefix, *(item.url for item in inputs)]

    def store(self, backends: Backends, job: Job, *, stored: RowsSpec | None = None) -> tuple[Job, int]:
        """Store the environment, the rows and the spec of `job`, and then the inputs.

        Return the job with the digest of the spec, and the number of uploaded bytes.

        `stored`: the rows of an earlier revision if they are unchanged; their pages are not stored again. The spec is
        stored before the inputs are checked and sent, because the spec protects the inputs from garbage collection.
        """
        write_owner(backends, job)
        if self.environment is not None:
            keep(backends, job, self.environment)
        keep_sources(backends, job, self.sweep)
        pages: tuple[str, ...] = stored.pages if stored is not None else ()
        if stored is None and self.spec.rows.kind == "table":
            pages = write_pages(self.sweep.rows, job.url, backends.files)
        spec = replace(self.spec, rows=replace(self.spec.rows, pages=pages))
        job = job.with_spec(write_spec(backends.files, job, spec))
        inherited = self._inherited(backends)
        if self.staging.uploads or inherited:
            register(backends)
            wait_until_cleared(backends)
        _check_stored(backends, inherited)
        sent = push(self.staging, backends.config.cas_url_prefix, backends.files, progress=self.progress)
        return job, sent

    def _inherited(self, backends: Backends) -> dict[str, Input]:
        """Return the inputs that an earlier job stored and that are not sent again, by digest."""
        cas, sent = backends.config.cas_url_prefix, {upload.digest for upload in self.staging.uploads}
        inputs = [item for item in [*self.spec.inputs, *self.spec.row_inputs.values()] if item.digest]
        return {i.digest: i for i in inputs if i.digest not in sent and i.url == input_url(cas, i.digest)}

    @cached_property
    def keys(self) -> bytes:
        """Return the concatenated row keys; empty if the rows have no keys."""
        return b"" if no_keys(self.spec) else b"".join(row_keys(self.spec, self.sweep.rows))


def _check_stored(backends: Backends, inputs: Mapping[str, Input]) -> None:
    """Raise UserError if the store has lost an input. `inputs`: inputs of an earlier job, by digest."""
    there = backends.files.existing(backends.config.cas_url_prefix, inputs) if inputs else set()
    for digest, item in inputs.items():
        if digest not in there:
            raise UserError(
                f"the stored input {item.name!r} of the earlier job was deleted, because no job used it: submit the"
                " sweep with the file itself"
            )


def draft(backends: Backends, sweep: Sweep, progress: Tell | None = None, *, typed: Collection[str] = ()) -> Draft:
    """Return a draft of a sweep: its inputs and its spec. Nothing is stored.

    `typed`: names of the options that the user typed for this submission. Raises UserError, StorageError, ClusterError.
    """
    secrets = [parse_secret_file(text, sweep.base) for text in sweep.secret_file]
    here = CLUSTER if backends.cluster.runs_images else LOCAL
    if secrets and (here == CLUSTER or WORK in normalize_run_on(sweep.run_on, here).split(",")):
        raise refuse_elsewhere(secrets)
    fitted = fit(sweep, backends.cluster, backends.config, typed)
    sweep = fitted.sweep
    staging = find(backends, sweep)
    spec = make_spec(backends, sweep, staging, fitted.machine)
    warnings = backends.cluster.check(spec)
    environment = environment_now(sweep.origin, secrets, sweep.env) if spec.local else None
    return Draft(sweep, spec, staging, environment, progress, fitted.machine, (*fitted.notes, *warnings))
