"""Remove a sweep with its results."""

from __future__ import annotations

from typing import Any

from kubeque.model.errors import JobNotFound
from kubeque_provider.airflow_versions import attempt
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.operators.job import KubequeJobOperator


class KubequeRemoveOperator(KubequeJobOperator):
    """Delete a job and its results, but for those that other jobs link to. Returns its name."""

    ui_color = "#f4dcdc"

    def act(self, hook: KubequeHook, name: str, context: Any) -> str:
        """Remove it. In a later try it may be gone: the try before was lost behind the deletion."""
        try:
            job = hook.get_conn().remove(name)
            self.log.info("%s is removed, with the results of its %d rows", name, job.n)
        except JobNotFound:
            if attempt(context) == 1:
                raise
            self.log.info("%s is gone already", name)
        return name
