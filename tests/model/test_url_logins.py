"""Logins of URLs do not appear in messages."""

from __future__ import annotations

import pickle

import pytest

from kubeque.model.errors import ClusterRefused, StorageError
from kubeque.model.url_logins import hide_logins, hide_logins_of

SECRET = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:hunter2@127.0.0.1:1/x", "https://user:hunter2@host/x?y=1", "postgresql:/u:hunter2@h/d",
        "postgresql:///u:hunter2@h/d", "s3://a:hunter2@b/x", "https://u:a@hunter2@host", "https://:hunter2@host/",
        "ftp://u:hunter2/x@host/", "ftp://u:hunter2#1@host", "https://u:12hunter2@host", "HTTPS://u:hunter2@host",
        "https://hunter2@host/x", "git+https://hunter2@host/x", "https://host/x?X-Amz-Signature=hunter2&b=1",
        "https://host/x?token=hunter2", "gs://b/x?a=1&api_key=hunter2", "https://h/x?sig=hunter2#f",
        "postgresql://h/d?user=u&password=hunter2", "ftp://u:1234hunter2@h:21/x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ["{}", "cannot read {}: no such file", "a '{}', and {} again"])
def test_a_login_is_hidden_in_each_text(url: str, text: str) -> None:
    shown = hide_logins(text.replace("{}", url))
    assert SECRET not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    [
        "cannot read http://127.0.0.1:8080/a/b@c.txt: HTTP 404", "postgresql://kq@host/d", "gs://bucket/a:b@c",
        "https://host:443, mail a@b", "12:30 a@b", "s3://bucket/x y@z:1", "/tmp/a:b@c", "https://host?page=2", "x",
        "{'index': '0'}: a:/b", "ssh://host:22/x@y", "https://host:443 is a@b",
    ],
)  # fmt: skip
def test_other_text_stays(text: str) -> None:
    assert hide_logins(text) == text


def test_a_password_that_a_server_quotes_is_hidden() -> None:
    shown = hide_logins_of("s3://a:hunter2@b/x", 'Invalid bucket name "a:hunter2@b"')
    assert shown == 'Invalid bucket name "a:***@b"'
    assert hide_logins_of("s3://b/x", "Forbidden") == "Forbidden"


def test_a_long_text_takes_linear_time() -> None:
    for piece in ("a:/", "a", "http://a:", "?token=", "?token", "&", "a.", "://@", "git+", ":/ ", ":///a:x@", "?a="):
        hide_logins("https://u:" + piece * 500_000)  # quadratic time is minutes: the time limit of the test ends it


def test_an_error_hides_logins_in_its_message() -> None:
    error = StorageError("cannot read https://u:hunter2@host/x: no answer")
    assert str(error) == "cannot read https://u:***@host/x: no answer"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    refused = ClusterRefused("https://u:hunter2@host refused", 403)
    assert (str(refused), refused.status) == ("https://u:***@host refused", 403)
