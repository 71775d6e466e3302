"""The option `run_on`: the places where the tasks of a sweep run."""

from __future__ import annotations

from kubeque.model.errors import UserError
from kubeque.model.job.job import WORK
from kubeque.model.text import describe
from kubeque.model.wording import field_name

#: Names of the consumers of the sweep's own cluster: processes on this machine, or pods.
LOCAL, CLUSTER = "local", "cluster"
_PLACES = (LOCAL, CLUSTER, WORK)


def normalize_run_on(run_on: str, own: str | None = None) -> str:
    """Return `run_on` in the form that a job stores: empty, `work`, `local,work` or `cluster,work`.

    `own`: the place of the sweep's own cluster, LOCAL or CLUSTER; None if the cluster is not known yet. Raises
    UserError for an unknown place, and for the place of a different cluster.
    """
    places = [place.strip() for place in run_on.split(",")] if run_on.strip() else []
    for place in places:
        given = field_name("run_on", run_on)
        if place not in _PLACES:
            known = ", ".join(_PLACES)
            raise UserError(
                f"{given}: {describe(place)} is not a place: give some of {known}, with commas between them"
            )
        if own is not None and place not in (own, WORK):
            cluster = "this machine" if own == LOCAL else "a Kubernetes cluster"
            raise UserError(f"{given}: the cluster of the sweep is {cluster}: write {own} in place of {place}")
    if WORK not in places:
        return ""
    return ",".join(place for place in _PLACES if place in places)
