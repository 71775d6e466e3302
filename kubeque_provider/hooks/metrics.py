"""Metrics of sweeps. Airflow sends them to StatsD or OpenTelemetry, as its section `[metrics]` configures."""

from __future__ import annotations

from kubeque.model.job.job import Job
from kubeque_provider.airflow_versions import stats


def count_sweep(job: Job) -> None:
    """Report the ok and the failed rows of an ended job, and the time from its submission or reset to its end."""
    closing = job.closing
    if closing is None:
        return
    tags = {key: job.origin[key] for key in ("dag", "task") if key in job.origin}
    to = stats()
    to.incr("kubeque.rows_done", closing.counts.ok, tags=tags)
    to.incr("kubeque.rows_failed", closing.counts.failed, tags=tags)
    seconds = max(0.0, closing.at - (job.reset_at or job.created))
    to.timing("kubeque.seconds_waited", seconds * 1000.0, tags=tags)
