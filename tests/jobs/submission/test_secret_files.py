"""The content of a secret file reaches the tasks on this machine, and no other place."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubeque.client import Client, Existing
from kubeque.jobs.submission.draft import draft
from kubeque.model.errors import UserError
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.sweep.sweep import Sweep

SECRET = "s3cret-of-ada"
#: A program that shows whether it has the secret, without printing the secret.
PROGRAM = ["sh", "-c", 'printf %s "$TOKEN" | sed "s/s3cret/have/"; printf %s "$USER_NAME"']


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    return path


def sweep(token: Path, **options: Any) -> Sweep:
    return Sweep(PROGRAM, name="sweep", secret_file=[f"TOKEN={token}"], **options)


def printed(client: Client) -> str:
    client.wait("sweep", timeout=60)
    return client.peek("sweep", 0).tail.data.decode().strip()


def files_with(word: str, folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and word.encode() in path.read_bytes():
            yield path


def test_it_reaches_the_task_and_only_a_private_file(client: Client, token: Path) -> None:
    lines = token.with_name("login.env")
    lines.write_text("# a login\nUSER_NAME=ada\n")
    client.submit(Sweep(PROGRAM, name="sweep", base=token.parent, secret_file=["TOKEN=token", "login.env"]))
    assert printed(client) == "have-of-adaada"
    report = token.parent / "report.html"
    client.report("sweep", report)
    found = set(files_with(SECRET, token.parent)) | set(files_with(SECRET, client.config.home))
    kept = client.config.home / "environments" / f"{client.job('sweep').uid}-1.json"
    assert report.exists()
    assert found == {token, kept}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    client.remove("sweep")
    assert not kept.exists()


def test_a_reset_and_a_job_like_it_read_the_file_again(client: Client, token: Path) -> None:
    client.submit(sweep(token))
    assert printed(client) == "have-of-ada"
    token.write_text("s3cret-2")
    (note,) = client.submit(sweep(token)).notes
    assert " TOKEN:" in note
    assert "s3cret" not in note
    client.reset("sweep", ResetRule(everything=True), update=True)
    assert printed(client) == "have-2"
    assert client.like("sweep").secret_file == (f"TOKEN={token}",)
    token.unlink()
    with pytest.raises(UserError, match=r"secret_file .*token' does not exist"):
        client.reset("sweep", ResetRule(everything=True), update=True)


def test_what_cannot_be_read_is_refused_before_anything_is_stored(client: Client, token: Path) -> None:
    pipe = token.with_name("pipe")
    os.mkfifo(pipe)
    for path, message in ((token.with_name("none"), "does not exist"), (pipe, "is not a regular file")):
        with pytest.raises(UserError, match=f"secret.file .*{message}"):
            client.submit(sweep(path), existing=Existing.REFUSE)
    assert client.jobs() == []


def test_it_is_refused_for_tasks_that_do_not_run_on_this_machine(client: Client, token: Path) -> None:
    with pytest.raises(UserError, match="pods and consumers of kubeque work do not get it"):
        client.submit(sweep(token, run_on="local,work"))
    pods: Any = SimpleNamespace(cluster=SimpleNamespace(runs_images=True))
    with pytest.raises(UserError, match=f"--from-file=TOKEN={token}"):
        draft(pods, sweep(token))
    assert client.jobs() == []
