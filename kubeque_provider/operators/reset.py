"""Let rows of a sweep run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubeque.model.job.job import ResetRule
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.log_text import progress_line
from kubeque_provider.operators.job import KubequeJobOperator


class KubequeResetOperator(KubequeJobOperator):
    """Let the failed and killed rows of a job run again; a KubequeJobSensor behind it waits for them.

    `only_cause`: only rows that ended by one of these, as in `["oom"]`. `everything`: rows that are ok as well.
    Returns the pointer {job_id, conn_id, results, counts}.
    """

    template_fields: Sequence[str] = (*KubequeJobOperator.template_fields, "only_cause")

    def __init__(self, *, only_cause: Sequence[str] = (), everything: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.only_cause = only_cause
        self.everything = everything

    def act(self, hook: KubequeHook, name: str, context: Any) -> dict[str, Any]:
        """Reset it. Raises UserError for a cause that there is not."""
        progress = hook.get_conn().reset(name, ResetRule(self.everything, tuple(self.only_cause)).checked())
        self.log.info("%s runs again: %s", name, progress_line(progress.counts))
        return hook.pointer(progress)
