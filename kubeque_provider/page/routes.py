"""Respond to requests of the page of sweeps. The code is the same for all versions of Airflow.

A user sees a sweep if Airflow allows this user to read the sweep's DAG. The user may change the sweep if Airflow allows
a change of the DAG's runs. Responses do not reveal whether other sweeps or connections exist. There is one exception: a
response contains the number of sweeps that a DAG of the same name submitted in another Airflow. Only a POST to `ACTION`
changes something.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from kubeque.model.errors import KubequeError, UserError
from kubeque.model.wording import speaking
from kubeque_provider.page.actions import do_action
from kubeque_provider.page.data import DATA, DOCUMENTS
from kubeque_provider.page.request import Answer, Refused, Request
from kubeque_provider.page.rights import User
from kubeque_provider.wording import AIRFLOW

log = logging.getLogger(__name__)
#: Path of the requests that change a sweep, and the header for the token that the page received for this user.
ACTION, TOKEN_HEADER = "action", "X-Kubeque-Token"
#: Maximum length of the body of a request that changes a sweep, in bytes.
MAX_BODY = 16_384
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
#: Content-Security-Policy of the timeline and the report. They contain values of the sweep, so their scripts run
#: without access to Airflow's cookies.
_SANDBOX = "sandbox allow-scripts; frame-ancestors 'self'"
_AWAY = "the queue cannot be read now; see the log of the web server"
_NO_TOKEN = "the request does not come from this page, or you have logged in again: load the page again"


def respond(path: str, query: Mapping[str, str], user: User, token: Callable[[], str] = str) -> Answer:
    """Return the response to a request that only reads.

    `path`: requested path, relative to the page. `token`: function that returns the token that actions of this user
    must contain.
    """
    if path in _STATIC | _SHARED:
        name = path or "sweeps.html"
        return Answer(200, _static(name), _TYPES[name[name.rindex(".") :]])
    request = Request(query, user)

    def answer() -> Answer:
        if path in DOCUMENTS:
            return Answer(200, DOCUMENTS[path](request).encode(errors="replace"), _TYPES[".html"], _SANDBOX)
        if path not in DATA:
            raise Refused(404, "the page does not exist")
        made = DATA[path](request)
        return _json(200, {**made, "token": token()} if path == "data/question" else made)

    return _answer(path, request, answer)


def perform(path: str, query: Mapping[str, str], user: User, body: bytes, *, trusted: bool) -> Answer:
    """Return the response to a request that changes a sweep.

    `trusted`: True if the request has the token of its user.
    """
    request = Request(query, user)

    def answer() -> Answer:
        if path != ACTION:
            raise Refused(404, "the page does not exist")
        if not trusted:
            raise Refused(403, _NO_TOKEN)
        return _json(200, do_action(request, _read(body)))

    return _answer(path, request, answer)


def refuse(status: int, text: str) -> Answer:
    """Return a response with an HTTP status and an error text."""
    return _json(status, {"error": text})


def _answer(path: str, request: Request, answer: Callable[[], Answer]) -> Answer:
    try:
        with speaking(AIRFLOW):
            return answer()
    except Refused as refused:
        return refuse(refused.status, str(refused))
    except KubequeError as error:
        log.warning("the page of sweeps, %s: %s", path, error)
        detailed = request.granted or request.user.may_read_connection(request.conn_id)
        text = str(error) if detailed else _AWAY
        if path == "data/job" and not isinstance(error, UserError) and (last := request.last_summary()) is not None:
            return _json(200, {"last": last, "error": text})
        return refuse(400 if isinstance(error, UserError) else 503, text)


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body) if len(body) <= MAX_BODY else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused(400, f"the request must be a JSON object of at most {MAX_BODY:,} bytes")
    return found


def _json(status: int, value: Any) -> Answer:
    return Answer(status, json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


#: Names of the page's own files, and of the scripts that the page shares with the reports of kubeque.
_STATIC = frozenset({
    "", "actions.js", "address.js", "dom.js", "failures.js", "list.js", "sweep.js", "sweeps.css", "sweeps.js",
    "table.js", "task.js", "theme.js",
})  # fmt: skip
_SHARED = frozenset({"format.js", "grid.js", "make.js", "states.js"})


def _static(name: str) -> bytes:
    folder = files("kubeque.jobs.reports") / "shared" if name in _SHARED else files("kubeque_provider.page") / "static"
    return (folder / name).read_bytes()
