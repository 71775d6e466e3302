"""Pause a job after a user deleted the Kubernetes Jobs that start its consumers.

The record of a job names its unfinished Kubernetes Jobs, as a program of kubeque last saw them. If one of these objects
is absent and kubeque did not delete it, a user or an administrator wants the consumers to stop. So the job is paused,
and no consumer starts again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from kubeque.clusters.base import Cluster, SeenObjects
from kubeque.jobs.backends import Backends
from kubeque.model.job.changes import pause_job
from kubeque.model.job.job import Job
from kubeque.model.job.pause import ClusterObjects

#: Seconds for which an ended Kubernetes Job exists. If an absent one was last seen longer ago, it may have ended.
_KEPT_SECONDS = 3600.0
#: Seconds after which a program stores the names of unchanged objects again, with the new time.
_NOTE_SECONDS = 600.0
#: Maximum number of objects that a message names.
_NAMED = 3


def find_deleted(job: Job, seen: SeenObjects, now: float) -> tuple[str, ...]:
    """Return the names of the objects of a job that were deleted, but not by kubeque.

    `seen`: the objects that exist now. `now`: time by the clock of the queue.
    """
    noted = job.objects
    if noted is None or now - noted.at >= _KEPT_SECONDS or job.sent_home >= noted.at:
        return ()
    return tuple(name for name in noted.names if name not in seen.unfinished | seen.finished)


def pause_if_deleted(backends: Backends, job: Job, cluster: Cluster) -> Job:
    """Pause a job if a user deleted objects that start its consumers, and return the job.

    If a new cluster or namespace has the name of an old one, the objects are missing, but no user deleted them. The job
    then continues. Raises JobNotFound, ClusterError.
    """
    seen = cluster.objects(job)
    if seen is None or not find_deleted(job, seen, backends.queue.now()):
        return job
    # A different process may have created new objects after this process last asked the cluster.
    seen, now = cluster.objects(job, fresh=True) or SeenObjects(), backends.queue.now()
    deleted = find_deleted(job, seen, now)
    if not deleted or _place(job, cluster) != (job.objects and job.objects.place):
        return job

    def change(stored: Job) -> Job | None:
        unchanged = stored.is_same_run(job) and stored.startable and find_deleted(stored, seen, now) == deleted
        return pause_job(stored, now, _reason(deleted, now)) if unchanged else None

    return backends.queue.update(job.name, change)


def note_objects(backends: Backends, job: Job, cluster: Cluster) -> Job:
    """Store the names of a job's unfinished objects in the record of the job, if the names changed. Return the job.

    Unchanged names are stored again after _NOTE_SECONDS. Raises JobNotFound, ClusterError.
    """
    seen = cluster.objects(job)
    if seen is None or not job.startable:
        return job
    noted, now = job.objects, backends.queue.now()
    objects = ClusterObjects(_place(job, cluster), tuple(sorted(seen.unfinished)), now) if seen.unfinished else None
    if objects is None and noted is None:
        return job
    if objects and noted and objects == replace(noted, at=now) and now - noted.at < _NOTE_SECONDS:
        return job

    def change(stored: Job) -> Job | None:
        same = stored.is_same_run(job) and stored.startable and stored.objects == noted
        return replace(stored, objects=objects) if same else None

    return backends.queue.update(job.name, change)


def _place(job: Job, cluster: Cluster) -> str:
    """Return the identity of the job's cluster and namespace.

    If this account may not read the identity, return the identity in the record of the job.
    """
    return cluster.place() or (job.objects.place if job.objects else "")


def _reason(deleted: tuple[str, ...], now: float) -> str:
    more = f" and {len(deleted) - _NAMED} more" if len(deleted) > _NAMED else ""
    when = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"the Kubernetes Job {', '.join(deleted[:_NAMED])}{more} was deleted (seen {when})"
