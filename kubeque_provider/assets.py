"""Add a sweep's results to the asset events of its Airflow task."""

from __future__ import annotations

from typing import Any

from kubeque_provider.airflow_versions import Asset


def write_asset_events(operator: Any, context: Any, pointer: dict[str, Any]) -> dict[str, Any]:
    """Add {job_id, results, counts} to the event of every outlet, for the DAGs that the event starts.

    Returns the pointer.
    """
    for outlet in operator.outlets:
        if isinstance(outlet, Asset):
            manifest = {key: pointer[key] for key in ("job_id", "results", "counts")}
            context["outlet_events"][outlet].extra.update(manifest)
    return pointer
