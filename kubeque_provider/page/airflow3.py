"""The page on Airflow's API server (3.x). A token or a cookie identifies the user of a request."""

from __future__ import annotations

from functools import partial
from typing import Any

from kubeque_provider.airflow_versions import login_url, may_read
from kubeque_provider.page.routes import respond


def make_app() -> Any:
    """Return the FastAPI application. Airflow mounts it at `links.sweep.PREFIX`."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, FastAPI, HTTPException, Request
    from fastapi.responses import RedirectResponse, Response

    app = FastAPI(title="kubeque: sweeps", docs_url=None, redoc_url=None, openapi_url=None)

    def serve(request: Request, path: str, user: Any = Depends(get_user)) -> Response:  # noqa: B008
        made = respond(path, request.query_params, partial(may_read, user=user))
        return Response(made.body, made.status, headers=made.headers)

    def refuse(request: Request, error: Any) -> Response:
        document = not request.path_params.get("path", "").startswith("data/")
        if error.status_code == 401 and document and request.method == "GET":
            return RedirectResponse(login_url(str(request.url)), 303)
        return Response(
            b'{"error":"log in to Airflow first"}', error.status_code, {"Cache-Control": "no-store"},
            media_type="application/json",
        )  # fmt: skip

    # Annotations are strings, and FastAPI looks them up in the module. So set the classes that are local to this
    # function.
    serve.__annotations__ = {"request": Request, "path": str, "user": Any, "return": Response}
    app.add_api_route("/{path:path}", serve, methods=["GET"], response_class=Response)
    app.add_exception_handler(HTTPException, refuse)
    return app
