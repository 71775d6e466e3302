"""Operator that kills a sweep."""

from __future__ import annotations

from typing import Any

from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.log_text import format_progress
from kubeque_provider.operators.job import KubequeJobOperator


class KubequeKillOperator(KubequeJobOperator):
    """Stop a job. The results of ok rows are kept. A job that has ended does not change.

    Returns the pointer {job_id, conn_id, results, counts}.
    """

    changes_job = True

    def perform(self, hook: KubequeHook, name: str, context: Any) -> dict[str, Any]:
        """Kill the job `name`, and return the pointer to the job."""
        progress = hook.get_conn().kill(name)
        self.log.info("%s is killed; %s", name, format_progress(progress.counts))
        return hook.pointer(progress)
