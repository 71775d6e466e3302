"""Base class of the operators that act on one job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubeque_provider.airflow_versions import BaseOperator, dag_folder
from kubeque_provider.arguments import check_arguments, check_keywords
from kubeque_provider.empty_sweep import skip_empty
from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.hooks.other_run import is_fixed_name, log_other_run
from kubeque_provider.naming import check_rendered, find_template, resolve_job
from kubeque_provider.origin.addresses import refuse_foreign
from kubeque_provider.parsing.checks import check_parsed
from kubeque_provider.parsing.destination import resolve_dest
from kubeque_provider.storage_paths import to_dest
from kubeque_provider.templating import RendersNone


class KubequeJobOperator(RendersNone, BaseOperator):
    """Base class: act on the job `job_id`, which is a name or the output of a KubequeSubmitOperator.

    Subclasses implement `perform`.
    """

    template_fields: Sequence[str] = ("job_id", "kubeque_conn_id")
    template_ext: Sequence[str] = ()
    ui_color = "#e4e4f4"
    #: True if the operator changes the job. It then refuses a job that another Airflow submitted.
    changes_job = False

    def __init__(self, *, job_id: str | Mapping[str, Any], kubeque_conn_id: str | None = None, **kwargs: Any) -> None:
        """`kubeque_conn_id`: connection of the job (default: the connection in the submit operator's output)."""
        check_keywords(self, kwargs)
        super().__init__(**kwargs)
        self.job_id = job_id
        self._job_template = find_template(job_id)
        self._job_is_fixed = is_fixed_name(self, job_id)
        self.kubeque_conn_id = kubeque_conn_id
        if "__init__" not in vars(type(self)):  # a class with more arguments checks all of them
            check_parsed(self)

    def execute(self, context: Any) -> Any:
        """Call `perform` with the job, and return its result. Raises BadSweep for wrong arguments or connections.

        Raises AirflowSkipException if the sweep had no rows.
        """
        with permanent():
            check_rendered(self.job_id, self._job_template)
            check_arguments(self)
            skip_empty(self.job_id)
            name, conn_id = resolve_job(self.job_id, self.kubeque_conn_id)
            hook = KubequeHook(conn_id)
            try:
                if self.changes_job:
                    refuse_foreign(hook.get_conn(), name)
                return self.perform(hook, name, context)
            finally:
                hook.close()

    def resolve_dest(self, hook: KubequeHook, dest: Any, context: Any) -> str:
        """Return `dest` as a URL or an absolute path. Raises UserError for a path in a folder of DAG files.

        If `dest` names a connection, the hook then uses the login of this connection for the bucket of `dest`.
        """
        url, conn_id = to_dest(dest)
        if conn_id:
            hook.use_login(url, conn_id)
        return resolve_dest(url, dag_folder(self), context)

    def log_other_run(self, hook: KubequeHook, name: str, context: Any) -> None:
        """Log the DAG run that submitted the job `name`, if the present Airflow task belongs to another DAG run.

        Raises JobNotFound.
        """
        log_other_run(self, hook.get_conn().job(name), context, "reads", fixed=self._job_is_fixed)

    def perform(self, hook: KubequeHook, name: str, context: Any) -> Any:
        """Act on the job `name`, and return the value for XCom."""
        raise NotImplementedError
