"""Metrics of the jobs of a queue, in the text format of Prometheus.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kubeque.jobs.backends import Backends
from kubeque.model.errors import ClusterError, JobNotFound, JobUnreadable, KubequeError, MissingExtra, StorageError
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.task import State

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

#: Seconds for which an ended job has metrics. A server that reads the metrics every minute then sees the end of the
#: job.
_ENDED_SECONDS = 3600.0
#: Causes of attempts that ended because of the machine, not because of the program.
_INTERRUPTIONS = (Cause.LOST, Cause.PREEMPTED, Cause.DISK, Cause.OOM)
#: Two counters by cause: of failed tasks, and of attempts that the machine ended.
_Causes = tuple[Counter[str], Counter[str]]


def make_registry(backends: Backends) -> CollectorRegistry:
    """Return a Prometheus registry that reads the queue whenever its metrics are collected. Raises MissingExtra."""
    try:
        from prometheus_client import CollectorRegistry
    except ImportError as error:
        raise MissingExtra(f"metrics need prometheus_client ({error}): pip install 'kubeque[metrics]'") from error
    registry = CollectorRegistry()
    registry.register(_Metrics(backends))
    return registry


class _Metrics:
    """Reads the metrics of all open jobs, and of the jobs that ended in the last hour."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        #: Cache of the counters of ended jobs, by uid, run and time of the end. The counters of an ended run never
        #: change, because a reset begins a new run.
        self._ended: dict[tuple[str, int, float], _Causes] = {}

    def describe(self) -> Iterable[Any]:
        """Return no metric.

        Without this method, the registry would call `collect`, which reads the queue, when the collector is added.
        """
        return ()

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        tasks = GaugeMetricFamily("kubeque_tasks", "Number of tasks by state.", labels=["job", "state"])
        failed = GaugeMetricFamily("kubeque_failed_tasks", "Number of failed tasks by cause.", labels=["job", "cause"])
        interrupted = GaugeMetricFamily(
            "kubeque_interruptions", "Number of attempts that the machine ended, by cause.", labels=["job", "cause"]
        )
        consumers = GaugeMetricFamily("kubeque_consumers", "Number of consumers.", labels=["job", "kind"])
        up = GaugeMetricFamily("kubeque_queue_up", "1 if the queue answers, else 0.")
        latency = GaugeMetricFamily("kubeque_queue_seconds", "Seconds in which the queue listed its jobs.")
        start = time.monotonic()
        try:
            jobs = self._jobs()
        except KubequeError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        latency.add_metric([], time.monotonic() - start)
        self._forget_causes(jobs)
        for job in jobs:
            try:
                counts, (outcomes, attempts) = self._counts(job), self._causes(job)
            except (JobNotFound, JobUnreadable):  # the job was removed meanwhile, or is damaged (see `doctor`)
                continue
            for state, count in counts.items():
                tasks.add_metric([job.name, state], count)
            for family, found in ((failed, outcomes), (interrupted, attempts)):
                for cause, count in sorted(found.items()):
                    family.add_metric([job.name, cause], count)
            for kind, count in self._consumers(job).items():
                consumers.add_metric([job.name, kind], count)
        yield from (up, latency, tasks, failed, interrupted, consumers)

    def _jobs(self) -> list[Job]:
        now = self._backends.queue.now()
        jobs = self._backends.queue.list_jobs().jobs
        return [job for job in jobs if job.closing is None or now - job.closing.at < _ENDED_SECONDS]

    def _counts(self, job: Job) -> dict[str, int]:
        counts = job.closing.counts if job.closing is not None else self._backends.queue.counts(job)
        return counts.to_wire()

    def _forget_causes(self, jobs: list[Job]) -> None:
        """Keep only the cached counters of `jobs`, the jobs that have metrics."""
        listed = set(map(_end_of, jobs))
        self._ended = {end: causes for end, causes in self._ended.items() if end in listed}

    def _causes(self, job: Job) -> _Causes:
        """Return the counters of a job. The counters of an ended job are read only once."""
        end = _end_of(job)
        if end is None:
            return self._read_causes(job)
        if end not in self._ended:
            self._ended[end] = self._read_causes(job)
        return self._ended[end]

    def _read_causes(self, job: Job) -> _Causes:
        """Return two counters by cause: of failed tasks, and of attempts that ended by one of _INTERRUPTIONS.

        Reads all blocks.
        """
        outcomes, attempts = Counter[str](), Counter[str]()
        for block in self._backends.queue.scan(job):
            for index, record in block.records.items():
                if record.outcome is not None and block.state(index) is State.FAILED:
                    outcomes[str(record.outcome.cause)] += 1
                attempts.update(str(each.cause) for each in record.history if each.cause in _INTERRUPTIONS)
        return outcomes, attempts

    def _consumers(self, job: Job) -> dict[str, int]:
        """Return the number of requested consumers (`wanted`) and of running consumers (`running`).

        The key `running` is left out if the cluster does not answer.
        """
        wanted = {"wanted": job.consumers if job.startable else 0}
        if job.closing is not None:
            return {**wanted, "running": 0}
        try:
            return {**wanted, "running": len(self._backends.cluster_of(job).consumers(job.fleet))}
        except (ClusterError, StorageError):
            return wanted


def _end_of(job: Job) -> tuple[str, int, float] | None:
    """Return the uid, the run and the time of the end of a job; None for a job that has not ended."""
    return (job.uid, job.run, job.closing.at) if job.closing is not None else None
