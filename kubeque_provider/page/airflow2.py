"""The page on Airflow's web server (2.11). The session identifies the user of a request."""

from __future__ import annotations

from functools import partial
from typing import Any

from kubeque_provider.airflow_versions import login_url, may_read
from kubeque_provider.links.sweep import PREFIX
from kubeque_provider.page.routes import respond


def make_blueprint() -> Any:
    """Return the Flask blueprint."""
    from airflow.www.extensions.init_auth_manager import get_auth_manager  # type: ignore[import-not-found]
    from flask import Blueprint, Response, redirect, request

    blueprint = Blueprint("kubeque", __name__, url_prefix=f"/{PREFIX}")

    @blueprint.get("/", defaults={"path": ""})
    @blueprint.get("/<path:path>")
    def serve(path: str) -> Any:
        if not get_auth_manager().is_logged_in():
            if not path.startswith("data/"):
                return redirect(login_url(request.url), 303)
            return Response('{"error":"log in to Airflow first"}', 401, mimetype="application/json")
        made = respond(path, request.args, partial(may_read, user=None))
        return Response(made.body, made.status, headers=made.headers)

    return blueprint
