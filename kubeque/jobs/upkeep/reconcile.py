"""Reconcile a job: reap leases, close the job if it has ended, and start missing consumers.

Several processes can reconcile the same job at the same time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kubeque.clusters.base import Standstill
from kubeque.jobs.backends import Backends
from kubeque.jobs.reports.report import keep_report
from kubeque.jobs.results.table import TaskRow, lines, write_table
from kubeque.jobs.upkeep.deleted_objects import note_objects, pause_if_deleted
from kubeque.jobs.upkeep.progress import (
    PatientCluster,
    Progress,
    count_consumers,
    find_places,
    find_rival,
    read_progress,
    why_waiting,
)
from kubeque.jobs.upkeep.store_watch import StoreWatch
from kubeque.model.errors import (
    ClusterError,
    ClusterRefused,
    FileDamaged,
    JobUnreadable,
    QueueUnavailable,
    StorageError,
    StoreUnavailable,
)
from kubeque.model.job.causes import Cause
from kubeque.model.job.changes import close_job
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.sweep.pod_options import PodOptions
from kubeque.queues.early_stop import enforce_limits, stop_damaged
from kubeque.queues.evictions import charge_evictions
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import LeaseWatch, reap

log = logging.getLogger(__name__)


def reconcile(
    backends: Backends, name: str, *, start: bool, watch: LeaseWatch | None = None, store: StoreWatch | None = None
) -> Progress:
    """Finish a reset, reap the leases of dead consumers, close the job if it has ended, and return its progress.

    `start`: True to start missing consumers. `watch`: the leases that this process has observed; None: a lease is
    reaped only if the cluster reports the death of its consumer. `store`: watch of the store; while the store does not
    answer, the progress comes from the queue, and only an interrupted reset is finished. None: wait for the store.

    A cluster that does not answer is an obstacle in the progress, not an error. Raises JobNotFound, QueueError,
    StorageError.
    """
    queue = backends.queue
    job = _read(queue, name, watch)
    if job.closing is not None:
        return Progress(job, job.closing.counts)
    if store is not None and (silence := store.describe()):
        return _wait_for_store(backends, job, silence)
    try:
        cluster = PatientCluster(backends.cluster_of(job))
    except FileDamaged as error:
        return _end_damaged(backends, job, str(error), watch)
    reap(queue, job, find_death=cluster.find_death, watch=watch)
    if job.open:
        charge_evictions(queue, job, cluster.evictions(job), watch.evicted if watch is not None else set())
    counts = queue.counts(job)
    job = enforce_limits(queue, job, counts)
    standstill = Standstill()
    if job.startable and counts.ended < job.n:
        job = cluster.ask(lambda: pause_if_deleted(backends, job, cluster.cluster), job)
    if job.startable and job.runs_at_home and counts.ended < job.n:
        standstill = _staff(backends, job, cluster, start=start)
        job = _give_up(backends, job, counts, standstill)
        job = cluster.ask(lambda: note_objects(backends, job, cluster.cluster), job)
    counts = queue.counts(job)
    if job.may_close(counts):
        job = close(backends, job, counts)
        finish(backends, job)
        return Progress(job, counts)
    places = find_places(queue, job, cluster)
    consumers = count_consumers(places)
    if job.paused and consumers and not queue.is_leased(job):
        finish(backends, job)  # the consumers run no task; some of them might not have started yet
    # If no task is pending, a message about consumers that died earlier is out of date.
    obstacles = standstill.messages if counts.pending or cluster.error is not None else ()
    if not obstacles and (job.paused or not start):
        obstacles = why_waiting(job, counts, consumers, cluster)
    obstacles = obstacles or find_rival(queue, job, counts, consumers)
    return Progress(job, counts, consumers, obstacles, places)


def _read(queue: Queue, name: str, watch: LeaseWatch | None) -> Job:
    """Finish a reset of a job and return the job. Record in `watch` if the queue does not answer."""
    try:
        return queue.finish_reset(queue.job(name))
    except QueueUnavailable:
        if watch is not None:
            watch.note_silence()
        raise


def _wait_for_store(backends: Backends, job: Job, silence: str) -> Progress:
    """Read the progress of a job from the queue, and return it with `silence` as its `obstacle`.

    `silence`: message that the store does not answer. Raises StoreUnavailable if all tasks have ended, because the job
    cannot be closed without the store.
    """
    progress = read_progress(backends, job, obstacle=silence)
    if job.may_close(progress.counts):
        raise StoreUnavailable(silence)
    return progress


def _end_damaged(backends: Backends, job: Job, error: str, watch: LeaseWatch | None) -> Progress:
    """Stop a job whose spec is damaged, and close the job if none of its tasks runs. Return its progress."""
    reap(backends.queue, job, find_death=PatientCluster(backends.cluster).find_death, watch=watch)
    if job.open:
        job = stop_damaged(backends.queue, job, error)
    counts = backends.queue.counts(job)
    if job.may_close(counts):
        job = close(backends, job, counts)
    return Progress(job, counts, 0, () if job.closing else (error,))


def _staff(backends: Backends, job: Job, cluster: PatientCluster, *, start: bool) -> Standstill:
    """Start the missing consumers of a job if `start` is True. Return the reasons why consumers cannot start."""
    there, spec, waiting = cluster.cluster, backends.spec(job), backends.queue.tallies(job)
    if start:
        cluster.ask(lambda: there.ensure(job, spec, waiting), 0)
    if not isinstance(cluster.error, ClusterRefused):
        found = cluster.ask(lambda: there.standstill(job), Standstill())
        return found if cluster.error is None else Standstill((str(cluster.error),))
    # Existing consumers may still start. So a refusal by the cluster counts only if no consumer exists.
    look = PatientCluster(there)
    found, consumers = look.ask(lambda: there.standstill(job), Standstill()), look.count_consumers(job)
    fails = look.error is None and not consumers and job.run == 0
    seconds = backends.queue.now() - job.created if fails else found.seconds
    return Standstill((str(cluster.error), *found.messages), seconds)


def _give_up(backends: Backends, job: Job, counts: Counts, standstill: Standstill) -> Job:
    """Stop a job if no consumer could start within the start timeout of the job. Return the job."""
    timeout = PodOptions.read(backends.spec(job).pod).start_timeout
    if counts.ok or counts.failed or counts.running or standstill.seconds < timeout or backends.queue.is_leased(job):
        return job
    reason = f"no consumer could start within {timeout:g} s: {'; '.join(standstill.messages)}"
    return backends.queue.stop(job, reason)


def close(backends: Backends, job: Job, counts: Counts) -> Job:
    """Write the table and the report of a job, and then record its final state. Return the job.

    A job that was reset in the meantime is not closed. If the spec, the rows or the blocks are damaged, the job gets no
    table and no report. Raises JobNotFound, StorageError.
    """
    at = backends.queue.now()
    try:
        found = list(lines(backends, job))
        at = _end_of_tasks(job, found, at)
        write_table(backends, job, found)
        keep_report(backends, job, counts, found, at)
    except (FileDamaged, JobUnreadable) as error:
        log.warning("%s: the job has no table and no report: %s", job.name, error)

    def change(now: Job) -> Job | None:
        unchanged = now.is_same_run(job) and now.state is job.state and now.closing is None
        # The counts differ if a failed task runs again with more disk.
        unchanged = unchanged and backends.queue.counts(job) == counts
        killed_rows = backends.queue.killed_rows(job)
        return close_job(now, counts, at, killed_rows=killed_rows) if unchanged else None

    return backends.queue.update(job.name, change)


def _end_of_tasks(job: Job, found: Sequence[TaskRow], now: float) -> float:
    """Return the Unix time at which the last task of a job ended; `now` if the job or a row was killed.

    The time comes from the outcomes, because it is possible that no process watched the job then. The clock of a
    consumer may be wrong, so the result is limited to the time between the begin of the run and `now`.
    """
    outcomes = [each for line in found if (each := line.view.record.outcome) and each.cause is not Cause.KILLED]
    if job.state is not JobState.ACTIVE or len(outcomes) < job.n:
        return now
    ends = (each.start + each.seconds + each.saving for each in outcomes)
    return min(now, max(job.created, job.reset_at, *ends))


def finish(backends: Backends, job: Job, *, removed: bool = False) -> None:
    """Stop the consumers that serve only this job. `removed`: True if the job was removed from the queue.

    An error of the cluster is only logged, because consumers without tasks end by themselves.
    """
    try:
        cluster = backends.cluster_of(job)
    except StorageError:
        cluster = backends.cluster  # the cluster is unknown, because the spec cannot be read
    try:
        cluster.finish(job, removed=removed)
    except ClusterError as error:
        log.warning("%s: the consumers of the job were not stopped: %s", job.name, error)
