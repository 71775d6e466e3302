"""The plugin that adds the page of sweeps to Airflow's menu.

Every process of Airflow loads it, so it imports little.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from kubeque_provider.airflow_versions import AIRFLOW_2
from kubeque_provider.links.sweep import PREFIX, VIEW_ROUTE
from kubeque_provider.plugins import listener


class KubequePlugin(AirflowPlugin):
    """Menu item Browse > Sweeps: an external view in Airflow 3, a blueprint in Airflow 2."""

    name = "kubeque"
    listeners = [listener]  # noqa: RUF012

    if AIRFLOW_2:
        appbuilder_menu_items = [{"name": "Sweeps", "href": f"/{PREFIX}/", "category": "Browse"}]

        @cached_property
        def flask_blueprints(self) -> list[Any]:  # type: ignore[override]
            """Return the blueprint of the page. Only the web server reads this property."""
            from kubeque_provider.page.airflow2 import make_blueprint

            return [make_blueprint()]
    else:
        external_views = [
            {
                "name": "Sweeps",
                "href": f"{PREFIX}/",
                "url_route": VIEW_ROUTE,
                "destination": "nav",
                "category": "browse",
            }
        ]

        @cached_property
        def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
            """Return the application of the page. Only the API server reads this property."""
            from kubeque_provider.page.airflow3 import make_app

            return [{"name": "kubeque", "app": make_app(), "url_prefix": f"/{PREFIX}"}]
