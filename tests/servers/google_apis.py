"""An emulator of a Google project without clusters: accounts, permissions, databases and tokens.

It answers in the REST forms of IAM, the resource manager, Firestore's administration and Cloud Storage. Buckets are
really made: by a fake-gcs-server behind it. That has no policies for buckets, so these are kept here.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

from tests.servers.json_http import JsonHandler

#: Token that each login returns.
TOKEN = "a-token-of-the-test"


class GoogleApis:
    """One server for all of these APIs."""

    def __init__(self, store: str = "") -> None:
        """`store`: address of a fake-gcs-server. Without it, there are no buckets."""
        self.store = store
        self.accounts: dict[str, Any] = {}
        self.databases: dict[str, Any] = {}
        #: By what they are of.
        self.policies: dict[str, dict[str, Any]] = {}
        #: Requests whose path matches one of these are refused with its status and message.
        self.refusals: dict[str, tuple[int, str]] = {}
        #: A policy that somebody else changes each time between reading and writing, so often.
        self.rivals: Counter[str] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def key_file(self, folder: Path) -> Path:
        """A service account's key file, which gets its tokens here."""
        from cryptography.hazmat.primitives.asymmetric import rsa
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        path = folder / "key.json"
        path.write_text(
            json.dumps(
                {
                    "type": "service_account", "project_id": "proj", "private_key_id": "1", "private_key": pem,
                    "client_email": "me@proj.iam.gserviceaccount.com", "client_id": "1",
                    "token_uri": f"{self.url}/token",
                }
            )
        )  # fmt: skip
        return path

    def members(self, of: str, role: str) -> list[str]:
        """Return the members that have a role on a resource."""
        return [m for b in self.policies.get(of, {}).get("bindings", []) if b["role"] == role for m in b["members"]]

    def answer(self, verb: str, target: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and answer of one request."""
        path = urlsplit(target).path
        for pattern, (status, text) in self.refusals.items():
            if re.search(pattern, f"{verb} {path}"):
                return status, text
        if path == "/token":
            return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        if match := re.fullmatch(r"/storage/v1/b/([^/]+)/iam", path):
            status, said = self._forwarded("GET", f"/storage/v1/b/{match[1]}", {})
            return self._policy(match[1], body if verb == "PUT" else None) if status == 200 else (status, said)
        if path.startswith("/storage/"):
            return self._forwarded(verb, target, body)
        if match := re.fullmatch(r"/v[13]/(?:.*/)?([^/]+):([gs]et)IamPolicy", path):
            if verb != "POST":
                return 404, "no such method"
            return self._policy(match[1], body["policy"] if match[2] == "set" else None)
        if match := re.fullmatch(r"/v1/projects/proj/serviceAccounts(?:/(.+))?", path):
            return self._collection(
                verb, self.accounts, match[1], f"{body.get('accountId')}@proj.iam.gserviceaccount.com", body
            )
        if match := re.fullmatch(r"/v1/projects/proj/databases(?:/(.+))?", path):
            name = parse_qs(urlsplit(target).query).get("databaseId", [""])[0]
            return self._collection(verb, self.databases, match[1], name, body)
        return 404, f"{path} is nothing"

    def _collection(
        self, verb: str, things: dict[str, Any], name: str | None, new: str, body: dict[str, Any]
    ) -> tuple[int, Any]:
        if verb == "POST" and name is None:
            if new in things:
                return 409, f"{new} already exists"
            things[new] = body
            return 200, {"name": new}
        return (200, things[name]) if name in things else (404, f"{name} does not exist")

    def _policy(self, of: str, new: dict[str, Any] | None) -> tuple[int, Any]:
        had = self.policies.setdefault(of, {"version": 1, "etag": "0", "bindings": []})
        if new is None:
            return 200, had
        if self.rivals[of] > 0:
            self.rivals[of] -= 1
            had["etag"] = f"{int(had['etag']) + 1}"
        if new.get("etag") != had["etag"]:
            return 409, "There were concurrent policy changes."
        self.policies[of] = {**new, "etag": f"{int(had['etag']) + 1}"}
        return 200, self.policies[of]

    def _forwarded(self, verb: str, target: str, body: dict[str, Any]) -> tuple[int, Any]:
        data = json.dumps(body).encode() if body else None
        asked = Request(self.store + target, data, {"Content-Type": "application/json"}, method=verb)
        try:
            with urlopen(asked, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except HTTPError as error:
            return error.code, error.reason


def _handler(apis: GoogleApis) -> type[BaseHTTPRequestHandler]:
    class Handler(JsonHandler):
        def _serve(self) -> None:
            text = self.heard()
            form = self.headers.get("Content-Type", "").startswith("application/json")
            if self.path != "/token" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, said = 401, "Request had invalid authentication credentials."
            else:
                status, said = apis.answer(self.command, self.path, json.loads(text) if form and text else {})
            if status >= 400:
                said = {"error": {"code": status, "message": said}}
            self.say(status, said)

        do_GET = do_POST = do_PUT = _serve

    return Handler
