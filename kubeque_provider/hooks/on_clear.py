"""Which rows run again when a try meets a job that is there: of an earlier try, or somebody else's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from kubeque.client import Existing
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job

OnClear = Literal["auto", "failed_rows", "changed", "all", "skip"]


def rows_again(job: Job, on_clear: OnClear, *, anew: bool = True) -> Existing | None:
    """What to do with a job that is there already; None: take it as it is. Raises UserError for a bad `on_clear`.

    A job that runs is adopted. One that ended well is taken as it is, too, where nobody has cleared anything: if it was
    not delivered yet, it belongs to a try that was lost behind its submission; if this try does not begin `anew`, the
    one before was lost between its delivery and Airflow's record of it.
    """
    if on_clear not in get_args(OnClear):
        raise UserError(f"on_clear {on_clear!r}: use one of {', '.join(get_args(OnClear))}")
    if job.closing is None or on_clear == "skip":
        return None
    if not job.closing.success:
        return {"all": Existing.REPLACE, "changed": Existing.REVISE}.get(on_clear, Existing.REPAIR)
    if not (job.delivered and anew):
        return None
    again = {"auto": Existing.REPLACE, "all": Existing.REPLACE, "changed": Existing.REVISE}
    return again.get(on_clear, Existing.REPAIR)


def is_anothers(job: Job, origin: Mapping[str, str]) -> bool:
    """Was the job made by anybody but the Airflow task `origin`? An earlier run of it counts while its job goes on."""
    made, mine = dict(job.origin), dict(origin)
    if job.closing is not None:
        made.pop("run", None)
        mine.pop("run", None)
    return made != mine


def maker(job: Job) -> str:
    """Who made a job, for messages."""
    origin = job.origin
    if "dag" not in origin:
        return "somebody who is no Airflow task"
    mapped = "" if origin["map_index"] == "-1" else f"[{origin['map_index']}]"
    return f"the Airflow task {origin['dag']}.{origin['task']}{mapped} of the run {origin['run']}"
