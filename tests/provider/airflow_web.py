"""Airflow's own web application with some users, the same for each version of Airflow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubeque_provider.airflow_versions import AIRFLOW_2

#: A user without rights to change something, and two users with the right to change the runs of one DAG.
VIEWER, EDITOR, OTHER_EDITOR = "viewer", "edits-mine", "edits-theirs"


class Session:
    """A login of one user."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get(self, path: str) -> tuple[int, Any]:
        return self._read(self._client.get(f"/kubeque/{path}"))

    def post(self, path: str, body: Any, token: str = "", **headers: str) -> tuple[int, Any]:
        named = {"X-Kubeque-Token": token} if token else {}
        return self._read(self._client.post(f"/kubeque/{path}", json=body, headers=named | headers))

    def form(self, path: str, body: dict[str, str], token: str) -> tuple[int, Any]:
        """Send a form, as a page of another site can."""
        return self._read(self._client.post(f"/kubeque/{path}", data=body, headers={"X-Kubeque-Token": token}))

    @staticmethod
    def _read(answer: Any) -> tuple[int, Any]:
        return answer.status_code, (answer.json if AIRFLOW_2 else answer.json())


class Web:
    """Airflow's web application."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._sessions: dict[str, Session] = {}

    def login(self, name: str) -> Session:
        """Return the session of a user. Airflow 2 accepts few logins in a minute, so each user logs in once."""
        if name not in self._sessions:
            self._sessions[name] = self._login(name)
        return self._sessions[name]

    def _login(self, name: str) -> Session:
        if AIRFLOW_2:
            client = self._app.test_client()
            client.post("/login/", data={"username": name, "password": name})
            return Session(client)
        return Session(self._client(name, 3600))

    def expired(self, name: str) -> Session:
        """Return a login that has expired."""
        return Session(self._app.test_client() if AIRFLOW_2 else self._client(name, -3600))

    def _client(self, name: str, seconds: int) -> Any:
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from fastapi.testclient import TestClient

        client = TestClient(self._app, follow_redirects=False)
        user = SimpleAuthManagerUser(username=name, role="VIEWER" if name == VIEWER else "USER")
        client.cookies.set("_token", get_auth_manager().generate_jwt(user, expiration_time_in_seconds=seconds))
        return client


@contextmanager
def start_web(home: Path) -> Iterator[Web]:
    """Start the application."""
    if AIRFLOW_2:
        yield Web(_airflow_2())
        return
    from airflow.api_fastapi.app import create_app, purge_cached_app

    home.mkdir(exist_ok=True)
    wanted = {
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.provider.auth_manager.Editors",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": f"{home}/passwords.json",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ |= wanted
    purge_cached_app()
    try:
        yield Web(create_app(apps="core"))
    finally:
        purge_cached_app()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _airflow_2() -> Any:
    from airflow.www.app import create_app

    app = create_app(testing=True)
    app.config["WTF_CSRF_ENABLED"] = False  # of the login form; the page compares its own token
    manager = app.appbuilder.sm
    with app.app_context():
        common = list(manager.find_role("Viewer").permissions)
        for name in (VIEWER, EDITOR, OTHER_EDITOR):
            role = manager.find_role(name) or manager.add_role(name)
            for permission in common:
                manager.add_permission_to_role(role, permission)
            if name != VIEWER:
                own = manager.create_permission("can_edit", f"DAG:{name.removeprefix('edits-')}")
                for permission in (own, manager.create_permission("can_edit", "DAG Runs")):
                    manager.add_permission_to_role(role, permission)
            if manager.find_user(name) is None:
                manager.add_user(name, name, name, f"{name}@example.com", role, password=name)
    return app
