"""The page of sweeps on the web server of Airflow 2.11. The session identifies the user of a request."""

from __future__ import annotations

from typing import Any

from kubeque_provider.links.sweep import PREFIX
from kubeque_provider.page.rights import AirflowUser, login_url
from kubeque_provider.page.routes import ACTION, MAX_BODY, TOKEN_HEADER, perform, respond

_LOG_IN = '{"error":"log in to Airflow first"}'


def make_blueprint() -> Any:
    """Return the Flask blueprint that serves the page."""
    from airflow.www.extensions.init_auth_manager import get_auth_manager  # type: ignore[import-not-found]
    from flask import Blueprint, Response, redirect, request
    from flask_wtf.csrf import generate_csrf  # type: ignore[import-not-found]

    blueprint = Blueprint("kubeque", __name__, url_prefix=f"/{PREFIX}")
    user = AirflowUser(None)

    @blueprint.get("/", defaults={"path": ""})
    @blueprint.get("/<path:path>")
    def serve(path: str) -> Any:
        if not get_auth_manager().is_logged_in():
            if not path.startswith("data/"):
                return redirect(login_url(request.url), 303)
            return Response(_LOG_IN, 401, mimetype="application/json")
        made = respond(path, request.args, user, generate_csrf)
        return Response(made.body, made.status, headers=made.headers)

    @blueprint.post(f"/{ACTION}")
    def act() -> Any:
        if not get_auth_manager().is_logged_in():
            return Response(_LOG_IN, 401, mimetype="application/json")
        body = request.stream.read(MAX_BODY + 1)
        made = perform(ACTION, request.args, user, body, trusted=_is_trusted())
        return Response(made.body, made.status, headers=made.headers)

    # Exempt the page from Airflow's check of the CSRF token. `_is_trusted` checks it instead, so that the page can show
    # the refusal.
    blueprint.record_once(lambda state: _exempt(state.app, blueprint))
    return blueprint


def _exempt(app: Any, blueprint: Any) -> None:
    protection = app.extensions.get("csrf")
    if protection is not None:
        protection.exempt(blueprint)


def _is_trusted() -> bool:
    """True if the request is JSON and has the token of its session. A form on another site can send neither."""
    from flask import request
    from flask_wtf.csrf import validate_csrf
    from wtforms import ValidationError

    try:
        validate_csrf(request.headers.get(TOKEN_HEADER, ""))
    except ValidationError:
        return False
    return bool(request.mimetype == "application/json")
