"""Canaries (the rows that run first) in Airflow: report the estimate that they give, and release the held rows."""

from __future__ import annotations

from typing import Any

from kubeque.client import Progress
from kubeque.model.errors import UserError
from kubeque.model.stats.estimate import format_estimate
from kubeque.model.stats.failure_text import format_groups
from kubeque_provider.exceptions import RowsFailed
from kubeque_provider.hooks.kubeque import KubequeHook

#: XCom key of the estimate.
ESTIMATE = "estimate"
#: Maximum length of the message of a group of failures, in characters.
_MESSAGE_CHARACTERS = 200


def deliver_canaries(hook: KubequeHook, progress: Progress, token: str, context: Any) -> dict[str, Any]:
    """Log the estimate for the held rows of a job, push it to XCom, and return the pointer to the job.

    `token`: wait token of this try. From now on, the job does not stop for lack of polls, because a person may take
    days to decide about the held rows.
    """
    text = describe_canaries(hook, progress)
    for line in text.splitlines():
        hook.log.info("%s", line)
    context["ti"].xcom_push(key=ESTIMATE, value=text)
    hook.get_conn().take(progress.job.name, token, orphan_after=None)
    return hook.pointer(progress)


def describe_canaries(hook: KubequeHook, progress: Progress) -> str:
    """Return lines of text with the estimate for the held rows of a job, and with the failures of its canaries."""
    client, job, counts = hook.get_conn(), progress.job, progress.counts
    if not counts.held:
        return f"{job.name}: no row is held; {job.n} rows run"
    groups = client.reader.failures(job, counts).groups
    failed = [f"  failed  {line}" for line in format_groups(groups, _MESSAGE_CHARACTERS)]
    return "\n".join([*format_estimate(job.name, client.estimate(job.name)), *failed])


def release(hook: KubequeHook, name: str, *, require_ok: bool) -> Progress:
    """Release the held rows of a job, and return its progress. If no row is held, change nothing.

    Raises UserError if the job was killed or stopped. `require_ok`: raise RowsFailed if a canary is not ok, and
    UserError if the canaries have not ended.
    """
    client = hook.get_conn()
    progress = client.status(name)
    job, counts = progress.job, progress.counts
    if not job.was_ended and not (job.canaries and counts.held):
        hook.log.info("%s: no row is held, so no row is released", name)
        return progress
    if require_ok and not job.was_ended:
        if not progress.held:
            raise UserError(
                f"{name}: the canaries have not ended, and require_ok=True needs their outcomes: let this Airflow task"
                " depend on the KubequeSubmitOperator, which waits for the canaries"
            )
        if counts.failed or counts.killed:
            raise RowsFailed(
                f"canaries failed, so no other row is released:\n{describe_canaries(hook, progress)}\n  Correct the"
                " cause and clear the Airflow task that submits. require_ok=False releases the rows in any case"
            )
    progress = client.go(name)
    hook.log.info("%s: %d held rows are released", name, counts.held)
    return progress
