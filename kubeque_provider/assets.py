"""Add a sweep's results to the asset events of its Airflow task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeque_provider.airflow_versions import Asset


def write_asset_events(operator: Any, context: Any, pointer: dict[str, Any]) -> dict[str, Any]:
    """Add {job_id, results, counts} to the asset event of every outlet, and return the pointer.

    DAGs that the event starts can read these values. `pointer`: pointer to the job.
    """
    write_extra(operator, context, {key: pointer[key] for key in ("job_id", "results", "counts")})
    return pointer


def write_extra(operator: Any, context: Any, extra: Mapping[str, Any]) -> None:
    """Add `extra` to the asset event of every outlet of an Airflow task."""
    for outlet in operator.outlets:
        if isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(extra)
