"""A request is repeated if the store is unavailable, and not if the store refuses it."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from google.auth.exceptions import TransportError

from kubeque.files.store import Files
from kubeque.files.stores.errors import PAUSES, is_transient, patiently, translate_error
from kubeque.model.errors import ConfigError, FileError, FileMissing, StorageError, StoreUnavailable


def _of_s3(status: int) -> OSError:
    """An answer with a code that s3fs does not know."""
    error = OSError(errno.EIO, f"an answer with status {status}")
    error.__cause__ = ClientError({"Error": {"Code": "Odd"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Put")
    return error


class _CertificateOfLibrary(ssl.SSLCertVerificationError):
    """An error such as ClientConnectorCertificateError of aiohttp."""


_CertificateOfLibrary.__module__ = "aiohttp.client_exceptions"


AWAY = [
    ConnectionResetError(errno.ECONNRESET, "reset"), TimeoutError(), OSError(errno.EBUSY, "slow down"),
    OSError(errno.ESTALE, "stale"), socket.gaierror(socket.EAI_AGAIN, "no name server"), _of_s3(503),
    EndpointConnectionError(endpoint_url="http://a"), TransportError("no answer"),
]  # fmt: skip
NO = [
    PermissionError(errno.EACCES, "no"), OSError("Forbidden"), FileNotFoundError("x"), ValueError("x"),
    OSError(errno.ENOSPC, "full"), OSError(errno.ENAMETOOLONG, "long"), _of_s3(400), NoCredentialsError(),
    ssl.SSLCertVerificationError("certificate"), _CertificateOfLibrary("certificate"),
    socket.gaierror(socket.EAI_NONAME, "no such name"),
]  # fmt: skip


class _Answer(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"status {code}")
        self.code = code


@pytest.mark.parametrize("error", [*AWAY, _Answer(503), _Answer(429)], ids=str)
def test_what_passes_is_tried_again_until_it_works(error: Exception) -> None:
    answers, pauses = [error, error], []

    def ask() -> str:
        if answers:
            raise answers.pop()
        return "done"

    assert patiently("read", "gs://b/x", ask, sleep=pauses.append) == "done"
    assert len(pauses) == 2
    assert all(0 < pause <= 1.5 * max(PAUSES) for pause in pauses)


@pytest.mark.parametrize("error", [*NO, _Answer(400), _Answer(403)], ids=str)
def test_a_plain_no_is_raised_at_once(error: Exception) -> None:
    pauses: list[float] = []

    def ask() -> None:
        raise error

    with pytest.raises(StorageError, match="gs://b/x") as raised:
        patiently("read", "gs://b/x", ask, sleep=pauses.append)
    assert pauses == []
    assert not isinstance(raised.value, StoreUnavailable)
    assert not is_transient(error)


def test_a_store_that_stays_away_is_given_up_with_what_it_said() -> None:
    pauses: list[float] = []

    def ask() -> None:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    with pytest.raises(StoreUnavailable, match=r"cannot write gs://b/x: Connection refused") as caught:
        patiently("write", "gs://b/x", ask, sleep=pauses.append)
    assert len(pauses) == len(PAUSES)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


@pytest.fixture
def moody() -> Iterator[str]:
    """A web server: /away fails once before it answers, /no always says 403, all else is 404."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            code = {"/away": 200 if asked.count("/away") > 1 else 503, "/no": 403}.get(self.path, 404)
            self.send_response(code)
            self.send_header("ETag", '"v1"')
            self.send_header("Content-Length", "4")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(b"data")

        do_HEAD = do_GET

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_web_server_that_is_busy_for_a_moment_is_asked_again(moody: str) -> None:
    pytest.importorskip("aiohttp")
    assert Files().read(f"{moody}/away") == b"data"
    assert Files().look(f"{moody}/away").generation == '"v1"'


def test_a_web_server_that_refuses_is_quoted(moody: str) -> None:
    pytest.importorskip("aiohttp")
    with pytest.raises(StorageError, match=f"cannot read {moody}/no.*403"):
        Files().read(f"{moody}/no")
    with pytest.raises(FileMissing, match=f"{moody}/nowhere"):
        Files().read(f"{moody}/nowhere")


@pytest.mark.parametrize("url", ["https://host/results", "ftp://host/results", "nonsense://x/y"])
def test_results_go_only_where_files_appear_whole(url: str) -> None:
    with pytest.raises(StorageError, match=f"cannot write to {url}.*gs://, gcs://, s3://"):
        Files().check_writable(url)


def test_an_unknown_scheme_is_the_users_to_mend() -> None:
    with pytest.raises(ConfigError, match="nonsense://"):
        Files().read("nonsense://x/y")


@pytest.mark.parametrize(
    ("verb", "error", "local", "one_file"),
    [
        ("write", OSError(errno.ENAMETOOLONG, "too long"), False, True),
        ("write", ValueError("Bad Request: the name is invalid"), False, True),
        ("write", _Answer(400), False, True),
        ("write", _Answer(403), False, False),
        ("write", PermissionError("Forbidden"), False, False),
        ("read", ValueError("Bad Request: Invalid Credentials"), False, False),
        ("write", OSError(errno.ENOSPC, "full"), True, False),
        ("write", OSError(errno.EIO, "broken"), True, False),
        ("read", OSError(errno.EIO, "broken"), True, True),
        ("read", PermissionError(errno.EACCES, "closed"), True, True),
        ("write", NotADirectoryError(errno.ENOTDIR, "a file"), True, True),
    ],
)
def test_an_error_of_one_file_is_told_from_one_of_the_store(
    verb: str, error: Exception, local: bool, one_file: bool
) -> None:
    assert isinstance(translate_error(verb, "gs://b/a", error, local=local), FileError) is one_file
