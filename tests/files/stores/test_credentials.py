"""A refusal names the account and the remedy, and contains no secret."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from kubeque.files.store import Files
from kubeque.files.stores.credentials import identity, remedy
from kubeque.model.errors import StorageError
from tests.files.kinds import Place


def test_an_account_is_named_by_what_is_no_secret() -> None:
    google = SimpleNamespace(service_account_email="sweeps@p.iam.gserviceaccount.com")
    assert identity("gs", SimpleNamespace(credentials=SimpleNamespace(credentials=google))) == (
        "sweeps@p.iam.gserviceaccount.com"
    )
    assert "not logged in" in identity("gs", SimpleNamespace(credentials=SimpleNamespace(credentials=None)))
    assert identity("s3", SimpleNamespace(key="AKIA1", secret="hidden")) == "access key AKIA1"
    assert identity("s3", SimpleNamespace(key=None), {"AWS_PROFILE": "lab"}) == "profile lab"


@pytest.mark.parametrize(
    ("kind", "said", "advice"),
    [
        ("gs", "Your default credentials were not found.", "gcloud auth application-default login"),
        ("s3", "Unable to locate credentials", "aws configure"),
        ("s3", "The difference between the request time and the current time is too large.", "clock"),
        ("s3", "Access Denied", "make the bucket, choose another store"),
    ],
)
def test_the_advice_fits_what_was_said(kind: str, said: str, advice: str) -> None:
    assert advice in remedy(kind, said)


def test_a_bucket_that_is_not_there_is_named_with_who_asked(place: Place) -> None:
    if not place.url.startswith(("gs:", "s3:")):
        pytest.skip("has no buckets")
    with pytest.raises(StorageError, match=r"no-such-bucket/a: there is no such bucket.*asked as ") as refused:
        place.files.check_writable(place.unwritable)
    assert "password" not in str(refused.value)


def test_without_a_login_google_is_not_even_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(
        StorageError, match=r"asked as an anonymous user \(not logged in\); log in with gcloud"
    ) as refused:
        Files().check_writable("gs://no-such-bucket/results")
    assert "no credentials" in str(refused.value)
