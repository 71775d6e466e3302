"""Which rows run again when a try meets the job of an earlier try."""

from __future__ import annotations

from typing import Literal, get_args

from kubeque.client import Existing
from kubeque.model.errors import UserError
from kubeque.model.job import Job

OnClear = Literal["auto", "failed_rows", "changed", "all", "skip"]


def rows_again(job: Job, on_clear: OnClear) -> Existing | None:
    """What to do with a job that is there already; None: take it as it is. Raises UserError for a bad `on_clear`.

    A job that runs is adopted. One that ended well and that nobody has delivered yet belongs to a try that was lost
    behind its submission: it is nobody's clear, so it is taken as it is.
    """
    if on_clear not in get_args(OnClear):
        raise UserError(f"on_clear {on_clear!r}: use one of {', '.join(get_args(OnClear))}")
    if job.closing is None or on_clear == "skip":
        return None
    if not job.closing.success:
        return {"all": Existing.REPLACE, "changed": Existing.REVISE}.get(on_clear, Existing.REPAIR)
    if not job.delivered:
        return None
    again = {"auto": Existing.REPLACE, "all": Existing.REPLACE, "changed": Existing.REVISE}
    return again.get(on_clear, Existing.REPAIR)
