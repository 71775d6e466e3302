"""A fake Kubernetes API server that supports only the login (TLS and a token) and the creation of objects.

It is for tests of everything before the first pod. The tests in tests/e2e use a real API server.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from tests.servers.json_http import JsonHandler


class ApiServer:
    """One server with a self-signed certificate."""

    def __init__(self, folder: Path, token: str) -> None:
        """Permit everything to requests with `token`."""
        self.token = token
        #: Objects by their path.
        self.objects: dict[str, dict[str, Any]] = {"/api/v1/namespaces/default": {"metadata": {"name": "default"}}}
        #: Every request: verb and path.
        self.calls: list[str] = []
        #: Every request as one text: verb, path with its query, and body.
        self.requests: list[str] = []
        #: Kinds of objects that nobody may make.
        self.forbidden: tuple[str, ...] = ()
        #: Warning about each object that is created.
        self.warning = ""
        #: Ends of the paths that nobody may read.
        self.unreadable: tuple[str, ...] = ()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.certificate = _certificate(folder / "api-server.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.endpoint = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def authority(self) -> str:
        """Return its certificate without the key, as PEM in base64."""
        text = self.certificate.read_bytes()
        return base64.b64encode(text[text.index(b"-----BEGIN CERTIFICATE") :]).decode()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, verb: str, url: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and answer of one request."""
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        self.calls.append(f"{verb} {path}")
        self.requests.append(f"{verb} {unquote_plus(url)} {json.dumps(body)}")
        if path == "/version":
            return 200, {"major": "1", "minor": "35"}
        if path.endswith("/selfsubjectaccessreviews"):
            return 201, {**body, "status": {"allowed": True}}
        if verb == "POST":
            return self._create(path, body, keep="dryRun" not in query)
        if verb == "GET" and path.endswith(self.unreadable):
            return 403, {"message": f"{path} is forbidden"}
        if path.endswith(("/pods", "/jobs", "/events")):
            return 200, self._collection(verb, path, query.get("labelSelector", [""])[0])
        if path not in self.objects:
            return 404, {"message": f"{path} not found"}
        if verb == "PATCH":
            had = self.objects[path]["metadata"].setdefault("annotations", {})
            had.update(body["metadata"]["annotations"])
        return 200, self.objects[path]

    def _create(self, path: str, body: dict[str, Any], *, keep: bool) -> tuple[int, dict[str, Any]]:
        if path.endswith(self.forbidden):
            return 403, {"message": f"{path} is forbidden"}
        name = f"{path}/{body['metadata']['name']}"
        if name in self.objects:
            return 409, {"message": f"{name} already exists"}
        made = {"status": {}, **body, "metadata": {"uid": name, **body["metadata"]}}
        if keep:
            self.objects[name] = made
        return 201, made

    def _collection(self, verb: str, path: str, selector: str) -> dict[str, Any]:
        """Return the selected objects of a collection. Delete them if the verb says so."""
        found = self._select(path, selector)
        if verb == "DELETE":
            self.objects = {at: item for at, item in self.objects.items() if at not in found}
        return {"metadata": {}, "items": list(found.values())}

    def _select(self, path: str, selector: str) -> dict[str, dict[str, Any]]:
        """Return the objects of a collection that a label selector selects, by their paths."""
        below = {at: item for at, item in self.objects.items() if at.startswith(f"{path}/")}
        wanted = re.findall(r"([^,!= ]+)(=|!=| in )(\([^)]*\)|[^,]*)", selector)
        for label, how, text in wanted:
            values = text.strip("()").split(",")
            below = {
                at: item for at, item in below.items()
                if (item["metadata"].get("labels", {}).get(label) in values) is (how != "!=")
            }  # fmt: skip
        return below


def _handler(server: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(JsonHandler):
        def _serve(self) -> None:
            text = self.heard()
            if self.headers.get("Authorization", "").split(" ")[1:] != [server.token]:  # "Bearer" or "bearer"
                status, said = 401, {"message": "Unauthorized"}
            else:
                status, said = server.answer(self.command, self.path, json.loads(text) if text else {})
            warns = server.warning and self.command == "POST"
            self.say(status, said, **({"Warning": f'299 - "{server.warning}"'} if warns else {}))

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

    return Handler


def _certificate(path: Path) -> Path:
    """Return a key and a self-signed certificate for 127.0.0.1."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubeque-test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path
