"""Report the failed rows of a job whose results an Airflow task has read.

The task fails unless it accepts failed rows.
"""

from __future__ import annotations

from itertools import islice

from kubeque.model.stats.failure_text import format_groups
from kubeque.model.text import printable
from kubeque_provider.exceptions import RowsFailed
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.log_text import REMEDY, describe_accepted

#: Maximum length of a reason, in characters.
_REASON_CHARACTERS = 300


def check_failed_rows(hook: KubequeHook, name: str, what: str, *, accepted: bool) -> None:
    """Log a warning if rows of an ended job are not ok. Raises RowsFailed if the job ended without success.

    `what`: the results that were read, for the message. `accepted`: True to log the warning without raising RowsFailed.
    A successful job can have failed rows within `allow_failed`; they raise no error. A job that has not ended is not
    checked.
    """
    client = hook.get_conn()
    job = client.job(name)
    if job.closing is None:
        return
    hook.job_log.revisions(client, job)
    if job.closing.counts.ok == job.n:
        return
    counts = job.closing.counts
    if job.closing.success:
        hook.log.warning("%s: %s", name, describe_accepted(counts))
        return
    groups = client.reader.failures(job, counts).groups
    reasons = list(islice(format_groups(groups, _REASON_CHARACTERS), 1))
    reasons += [printable(job.reason, _REASON_CHARACTERS)] if job.reason else []
    reason = f": {'; '.join(reasons)}" if reasons else ""
    ended = f"the sweep {name} ended without success, and {what} lack rows"
    found = f"{ended}: {counts.failed} of {job.n} rows failed, {counts.killed} did not run{reason}"
    hook.log.warning("%s", found)
    if not accepted:
        raise RowsFailed(f"{found}. {REMEDY}. To accept these results, set allow_failed_rows=True")
