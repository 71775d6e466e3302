"""Operator that runs rows of a sweep again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubeque.model.job.reset_rule import ResetRule
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.log_text import format_progress
from kubeque_provider.operators.job import KubequeJobOperator
from kubeque_provider.parsing.checks import check_parsed
from kubeque_provider.parsing.selections import check_reset


class KubequeResetOperator(KubequeJobOperator):
    """Run the failed and killed rows of a job again. To wait for these rows, put a KubequeJobSensor downstream.

    `only_cause`: reset only rows that failed for one of these causes, for example `["oom"]`. `everything`: also reset
    rows that are ok.

    Returns the pointer {job_id, conn_id, results, counts}.
    """

    template_fields: Sequence[str] = (*KubequeJobOperator.template_fields, "only_cause")
    changes_job = True

    def __init__(self, *, only_cause: Sequence[str] = (), everything: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.only_cause = only_cause
        self.everything = everything
        check_parsed(self)

    @classmethod
    def check_known(cls, values: Mapping[str, Any]) -> None:
        """Raise UserError if `only_cause` contains an unknown cause. `values`: known arguments, keyed by name."""
        check_reset(values)

    def perform(self, hook: KubequeHook, name: str, context: Any) -> dict[str, Any]:
        """Reset the rows of the job `name`, and return the pointer to the job.

        Raises UserError if `only_cause` contains a cause that does not exist.
        """
        progress = hook.get_conn().reset(name, ResetRule(self.everything, tuple(self.only_cause)).check())
        self.log.info("%s runs again: %s", name, format_progress(progress.counts))
        return hook.pointer(progress)
