"""Base class of the operators that act on one job."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from kubeque.model.user_paths import expand_home
from kubeque_provider.airflow_versions import BaseOperator, dag_folder
from kubeque_provider.arguments import check_arguments, check_keywords
from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.naming import resolve_job
from kubeque_provider.parsing.checks import check_parsed
from kubeque_provider.storage_paths import to_dest


class KubequeJobOperator(BaseOperator):
    """Call `perform` with the job `job_id`, which is a name or the output of a KubequeSubmitOperator."""

    template_fields: Sequence[str] = ("job_id", "kubeque_conn_id")
    template_ext: Sequence[str] = ()
    ui_color = "#e4e4f4"

    def __init__(self, *, job_id: str | Mapping[str, Any], kubeque_conn_id: str | None = None, **kwargs: Any) -> None:
        """`kubeque_conn_id`: connection of the job (default: that of the submit operator's output)."""
        check_keywords(self, kwargs)
        super().__init__(**kwargs)
        self.job_id = job_id
        self.kubeque_conn_id = kubeque_conn_id
        if "__init__" not in vars(type(self)):  # a class with more arguments checks all of them
            check_parsed(self)

    def execute(self, context: Any) -> Any:
        """Call `perform`. Raises BadSweep for wrong arguments or connections."""
        with permanent():
            check_arguments(self)
            name, conn_id = resolve_job(self.job_id, self.kubeque_conn_id)
            hook = KubequeHook(conn_id)
            try:
                return self.perform(hook, name, context)
            finally:
                hook.close()

    def resolve_dest(self, dest: Any) -> str:
        """Return `dest` as a URL or an absolute path; a relative path starts at the folder of the DAG file."""
        text = to_dest(dest)
        return text if "://" in text else os.path.join(dag_folder(self), expand_home(text))

    def perform(self, hook: KubequeHook, name: str, context: Any) -> Any:
        """Act on the job `name`. Returns the value for XCom."""
        raise NotImplementedError
