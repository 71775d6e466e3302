"""Kill a sweep."""

from __future__ import annotations

from typing import Any

from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.log_text import progress_line
from kubeque_provider.operators.job import KubequeJobOperator


class KubequeKillOperator(KubequeJobOperator):
    """Let nothing more of a job run; what is ok stays. A job that has ended stays as it is.

    Returns the pointer {job_id, conn_id, results, counts}.
    """

    def act(self, hook: KubequeHook, name: str, context: Any) -> dict[str, Any]:
        """Kill it."""
        progress = hook.get_conn().kill(name)
        self.log.info("%s: nothing more runs; %s", name, progress_line(progress.counts))
        return hook.pointer(progress)
