"""How a user refers to a job: by name, by the beginning of a name, or as the last submission."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.cli.job_reference import exact_job, find_job, recent_or_exact
from kubeque.client import Client, Existing
from kubeque.model.config.config import Config
from kubeque.model.errors import JobNotFound, UserError
from kubeque.model.rows.parameters import sequence
from kubeque.model.sweep.sweep import Sweep


def make_client(folder: Path) -> Client:
    return Client(Config.load(start=folder, home=folder, environ={"KUBEQUE_HOME": str(folder / "home")}))


def submit(client: Client, name: str, rows: int = 1) -> None:
    client.submit(Sweep(["true"], name=name, rows=sequence(rows)), existing=Existing.REPLACE)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with make_client(tmp_path) as client:
        for name in ("rf", "rf-deep", "rf-wide", "svm"):
            submit(client, name)
        yield client
        client.stop()


def test_a_name_that_exists_is_that_job_though_others_begin_so(client: Client) -> None:
    assert find_job(client, "rf") == "rf"
    assert find_job(client, "s") == "svm"
    assert find_job(client, "rf-w") == "rf-wide"
    with pytest.raises(UserError, match=r"2 jobs begin with 'rf-': rf-deep, rf-wide; write more of the name"):
        find_job(client, "rf-")


@pytest.mark.parametrize("unknown", ["", "@@", "@0", "@x", "../svm", "\udcff", "SVM\n"])
def test_what_is_no_reference_is_refused(client: Client, unknown: str) -> None:
    with pytest.raises(JobNotFound, match="there is no job"):
        find_job(client, unknown)


def test_a_wrong_name_gives_the_nearest_one(client: Client) -> None:
    with pytest.raises(JobNotFound, match=r"there is no job 'smv': did you mean svm\?"):
        find_job(client, "smv")


def test_the_last_submission_is_that_of_this_home_and_still_exists(client: Client, tmp_path: Path) -> None:
    assert (find_job(client, "@"), find_job(client, "@1"), find_job(client, "@2")) == ("svm", "svm", "rf-wide")
    # A job that is submitted again is the last one
    submit(client, "rf", rows=2)
    assert (find_job(client, "@"), find_job(client, "@2")) == ("rf", "svm")
    # A job that was removed does not count
    client.kill("rf")
    client.remove("rf")
    assert find_job(client, "@") == "svm"
    with pytest.raises(JobNotFound, match=r"@4: only 3 jobs of this queue were submitted from this home folder"):
        find_job(client, "@4")
    # Damaged lines are left out
    with open(tmp_path / "home" / "submissions", "ab") as file:
        file.write(b'\xff\n[1]\n{"queue": 1}\n{"queue"')
    assert find_job(client, "@") == "svm"
    (tmp_path / "other").mkdir()
    with make_client(tmp_path / "other") as stranger, pytest.raises(JobNotFound, match="@: no job of this queue was"):
        find_job(stranger, "@")


def test_what_changes_a_job_takes_no_beginning_of_a_name(client: Client) -> None:
    for find in (recent_or_exact, lambda client, text: exact_job(client, text, "kill")):
        assert find(client, "svm") == "svm"
        with pytest.raises(JobNotFound, match=r"there is no job 'sv': did you mean svm\?"):
            find(client, "sv")
    assert recent_or_exact(client, "@") == "svm"


def test_what_destroys_asks_for_the_last_submission(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(UserError, match="@ is svm now: without a terminal kill takes the name itself"):
        exact_job(client, "@", "kill")
    assert exact_job(client, "@", "remove", yes=True) == "svm"
