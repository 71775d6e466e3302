"""What operators that do one thing with one job have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from kubeque_provider.airflow_versions import BaseOperator, dag_folder
from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.naming import resolve


class KubequeJobOperator(BaseOperator):
    """Does `act` with the job that `job_id` names: its name, or the output of a KubequeSubmitOperator."""

    template_fields: Sequence[str] = ("job_id", "kubeque_conn_id")
    template_ext: Sequence[str] = ()
    ui_color = "#e4e4f4"

    def __init__(self, *, job_id: str | Mapping[str, Any], kubeque_conn_id: str | None = None, **kwargs: Any) -> None:
        """`kubeque_conn_id`: where the job is, if not where the output of the submit operator says."""
        super().__init__(**kwargs)
        self.job_id = job_id
        self.kubeque_conn_id = kubeque_conn_id

    def execute(self, context: Any) -> Any:
        """Do it. Raises BadSweep for what the DAG's author has to mend."""
        with permanent():
            name, conn_id = resolve(self.job_id, self.kubeque_conn_id)
            hook = KubequeHook(conn_id)
            try:
                return self.act(hook, name, context)
            finally:
                hook.close()

    def place(self, dest: str) -> str:
        """`dest` as an absolute path or a URL: a relative one starts at the folder of the DAG file."""
        return dest if "://" in dest else os.path.join(dag_folder(self), dest)

    def act(self, hook: KubequeHook, name: str, context: Any) -> Any:
        """What the operator is for. Returns what goes through XCom."""
        raise NotImplementedError
