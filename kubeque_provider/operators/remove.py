"""Operator that removes a sweep and its results."""

from __future__ import annotations

from typing import Any

from kubeque.model.errors import JobNotFound
from kubeque_provider.airflow_versions import try_number
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.operators.job import KubequeJobOperator


class KubequeRemoveOperator(KubequeJobOperator):
    """Delete a job and its results. Results that other jobs link to are kept. Returns the name of the job."""

    ui_color = "#f4dcdc"
    changes_job = True

    def perform(self, hook: KubequeHook, name: str, context: Any) -> str:
        """Remove the job `name`, and return its name. Raises JobNotFound for a missing job on the first try.

        A later try accepts a missing job, because an earlier try may have deleted it.
        """
        try:
            job = hook.get_conn().remove(name)
            rows = f"with the results of its {job.n} rows" if job else "although its record could not be read"
            self.log.info("%s is removed %s", name, rows)
        except JobNotFound:
            if try_number(context) == 1:
                raise
            self.log.info("%s was removed by an earlier try", name)
        return name
