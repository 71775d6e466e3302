"""The page of sweeps on the API server of Airflow 3. A token or a cookie identifies the user of a request."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from kubeque_provider.page.rights import AirflowUser, login_url
from kubeque_provider.page.routes import ACTION, MAX_BODY, TOKEN_HEADER, perform, respond

_LOG_IN = b'{"error":"log in to Airflow first"}'


def make_app() -> Any:
    """Return the FastAPI application that serves the page. Airflow mounts it at `links.sweep.PREFIX`."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, FastAPI, HTTPException, Request
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import RedirectResponse, Response

    app = FastAPI(title="kubeque: sweeps", docs_url=None, redoc_url=None, openapi_url=None)

    def serve(request: Request, path: str, user: Any = Depends(get_user)) -> Response:  # noqa: B008
        made = respond(path, request.query_params, AirflowUser(user), lambda: _make_token(request))
        return Response(made.body, made.status, headers=made.headers)

    async def act(request: Request, user: Any = Depends(get_user)) -> Response:  # noqa: B008
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:  # `perform` refuses it
                break
        trusted = _is_trusted(request)
        made = await run_in_threadpool(
            perform, ACTION, request.query_params, AirflowUser(user), bytes(body), trusted=trusted
        )
        return Response(made.body, made.status, headers=made.headers)

    def refuse(request: Request, error: Any) -> Response:
        document = not request.path_params.get("path", "").startswith("data/")
        if error.status_code == 401 and document and request.method == "GET":
            return RedirectResponse(login_url(str(request.url)), 303)
        return Response(_LOG_IN, error.status_code, {"Cache-Control": "no-store"}, media_type="application/json")

    # Annotations are strings, and FastAPI looks them up in the module. Set the classes here, because they are local to
    # this function.
    serve.__annotations__ = {"request": Request, "path": str, "user": Any, "return": Response}
    act.__annotations__ = {"request": Request, "user": Any, "return": Response}
    app.add_api_route(f"/{ACTION}", act, methods=["POST"], response_class=Response)
    app.add_api_route("/{path:path}", serve, methods=["GET"], response_class=Response)
    app.add_exception_handler(HTTPException, refuse)
    return app


def _make_token(request: Any) -> str:
    """Return the token that actions of this login must contain. Another site can neither read nor compute it."""
    from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN

    login = request.headers.get("authorization") or request.cookies.get(COOKIE_NAME_JWT_TOKEN) or ""
    return hmac.new(login.encode(), b"kubeque: actions", hashlib.sha256).hexdigest()


def _is_trusted(request: Any) -> bool:
    """True if the request is JSON and has the token of its login. A form on another site can send neither."""
    kind = request.headers.get("content-type", "").split(";")[0].strip()
    given = request.headers.get(TOKEN_HEADER, "")
    return kind == "application/json" and hmac.compare_digest(given.encode(), _make_token(request).encode())
