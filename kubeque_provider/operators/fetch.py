"""Bring the results of a sweep into a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kubeque_provider.airflow_versions import BaseOperator, dag_folder
from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.identity import resolve


class KubequeFetchOperator(BaseOperator):
    """Fetch results into `dest`/{index}/ and `dest`/results.csv; what is there already is not fetched again.

    `job_id` is a name or the output of a KubequeSubmitOperator. A relative `dest` starts at the folder of the DAG file.
    `force` takes a folder that is not empty. Returns {dest, tasks, files}: what is there, and what was written now.
    """

    template_fields: Sequence[str] = ("job_id", "dest", "kubeque_conn_id")
    template_ext: Sequence[str] = ()
    ui_color = "#d7f0e0"

    def __init__(
        self,
        *,
        job_id: str | Mapping[str, Any],
        dest: str,
        force: bool = False,
        kubeque_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.dest = dest
        self.force = force
        self.kubeque_conn_id = kubeque_conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Fetch. Raises BadSweep for a job or a folder that is no good."""
        with permanent():
            name, conn_id = resolve(self.job_id, self.kubeque_conn_id)
            hook = KubequeHook(conn_id)
            try:
                found = hook.get_conn().fetch(name, Path(dag_folder(self)) / self.dest, force=self.force)
            finally:
                hook.close()
        self.log.info("%s: %d tasks fetched, %d were there, in %s", name, found.tasks, found.kept, found.dest)
        return {"dest": str(found.dest), "tasks": found.tasks + found.kept, "files": found.files}
