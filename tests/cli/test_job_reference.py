"""How a user refers to a job: by name, by the beginning of a name, or as the last submission."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.cli.job_reference import exact_job, find_job
from kubeque.cli.program import run
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
    for wrong, right in {"smv": "svm", "SVM": "svm", "rff": "rf", "deep": "rf-deep"}.items():
        with pytest.raises(JobNotFound, match=rf"there is no job '{wrong}': did you mean {right}"):
            find_job(client, wrong)


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
    assert exact_job(client, "svm", "kill") == "svm"
    with pytest.raises(JobNotFound, match=r"there is no job 'sv': did you mean svm\?"):
        exact_job(client, "sv", "kill")


#: The commands that change a job, and further words.
CHANGES = {
    "kill": "",
    "reset": "",
    "remove": "--yes",
    "pause": "",
    "resume": "",
    "go": "",
    "priority": "1",
    "scale": "2",
}


class Terminal(io.StringIO):
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("verb", CHANGES)
def test_what_changes_a_job_asks_about_the_last_submission_on_a_terminal_only(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBEQUE_HOME", str(tmp_path / "home"))
    before = client.job("svm")

    def command(reference: str, stdin: io.StringIO) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "argv", ["kubeque", verb, reference, *CHANGES[verb].split()])
        code, printed = run(hears_interrupts=False), capsys.readouterr()
        return code, printed.out + printed.err

    code, said = command("@", io.StringIO("y\n"))
    assert (code, said) == (
        2,
        f"kubeque: @ is svm now, and cannot be confirmed without a terminal: write the name after {verb}\n",
    )
    code, said = command("sv", Terminal("y\n"))
    assert (code, said) == (2, "kubeque: there is no job 'sv': did you mean svm?\n")
    code, said = command("@", Terminal("n\n"))
    assert (code, said) == (1, f"{verb} svm? [y/N]: kubeque: nothing is changed\n")
    assert client.job("svm") == before


def test_a_command_that_asks_itself_asks_once(client: Client) -> None:
    assert exact_job(client, "@", "remove", asks=True) == "svm"


def test_a_reset_of_ok_rows_asks_on_a_terminal(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBEQUE_HOME", str(tmp_path / "home"))
    client.wait("svm", timeout=60)

    def reset(stdin: io.StringIO, *words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "argv", ["kubeque", "reset", "svm", *words])
        return run(hears_interrupts=False), capsys.readouterr().out

    # If no ok row would run again, the command does not ask
    assert "run 1 ok row of svm again?" not in reset(Terminal(""))[1]
    for words in (("--all",), ("--state", "ok"), ("--all", "--index", "0")):
        code, said = reset(Terminal("n\n"), *words)
        assert (code, said) == (1, "run 1 ok row of svm again? [y/N]: ")
        assert client.job("svm").run == 0
    # With `--yes` and without a terminal, the command does not ask, as `sub --revise`
    for times, (stdin, words) in enumerate(
        [(Terminal(""), ("--all", "--yes")), (io.StringIO(), ("--all",)), (Terminal("y\n"), ("--all",))], 1
    ):
        assert reset(stdin, *words)[0] == 0
        assert client.wait("svm", timeout=60).job.run == times
