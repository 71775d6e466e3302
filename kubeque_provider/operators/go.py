"""Operator that releases the held rows of a job after its canaries."""

from __future__ import annotations

from typing import Any

from kubeque_provider.downstream import RELEASES
from kubeque_provider.hooks.canaries import release
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.operators.job import KubequeJobOperator
from kubeque_provider.parsing.checks import check_parsed


class KubequeGoOperator(KubequeJobOperator):
    """Release the held rows of a job that was submitted with `canaries`. A job without held rows does not change.

    `require_ok`: release no row and fail if a canary is not ok. By default, the rows are released in any case, for
    example after a person has seen the estimate. To wait for the released rows, put a KubequeJobSensor downstream.

    Returns the pointer {job_id, conn_id, results, counts}.
    """

    ui_color = "#d7e8f7"
    changes_job = True
    sweep_role = RELEASES

    def __init__(self, *, require_ok: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.require_ok = require_ok
        check_parsed(self)

    def perform(self, hook: KubequeHook, name: str, context: Any) -> dict[str, Any]:
        """Release the held rows of the job `name`, and return the pointer to the job.

        Raises UserError for a killed job. With `require_ok`, raises RowsFailed for canaries that are not ok, and
        UserError for canaries that have not ended.
        """
        return hook.pointer(release(hook, name, require_ok=self.require_ok))
