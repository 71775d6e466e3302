"""What the events of an Airflow task's assets say of its sweep."""

from __future__ import annotations

from typing import Any

from kubeque_provider.airflow_versions import Asset


def tell_assets(operator: Any, context: Any, pointer: dict[str, Any]) -> dict[str, Any]:
    """Give the event of every outlet the manifest {job_id, results, counts}, which a DAG that it starts can read.

    Returns the pointer.
    """
    for outlet in operator.outlets:
        if isinstance(outlet, Asset):
            manifest = {key: pointer[key] for key in ("job_id", "results", "counts")}
            context["outlet_events"][outlet].extra.update(manifest)
    return pointer
