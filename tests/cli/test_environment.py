"""On one machine, a task gets the environment of its submitter and of no other user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

KUBEQUE = (sys.executable, "-m", "kubeque.cli")
#: Script that prints its environment and its parent's environment, one variable per line, and then the umask.
SHOW = "tr '\\0' '\\n' < /proc/self/environ; echo ==; tr '\\0' '\\n' < /proc/$PPID/environ; echo ==; umask"
BYTES = 'printf %s "$FOO" | od -An -tx1'


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Return an environment without the variables that the tests check."""
    for name in ("TZ", "FOO", "BAR", "PYTHONUNBUFFERED"):
        monkeypatch.delenv(name, raising=False)


def submit(shell: Shell, *words: str, umask: str = "022", **variables: str | bytes) -> subprocess.CompletedProcess[str]:
    """Run `kubeque sub WORDS` with these variables in addition, under this umask."""
    return subprocess.run(
        ["sh", "-c", 'umask "$0"; exec "$@"', umask, *KUBEQUE, "sub", *words],
        cwd=shell.folder, env=shell.env | variables, text=True, capture_output=True, timeout=100,  # type: ignore[arg-type]
    )  # fmt: skip


def shown(shell: Shell, job: str) -> tuple[set[str], set[str], str]:
    """Return the variables of the task, the variables of its parent, and the umask of the task."""
    peeked = subprocess.run([*KUBEQUE, "peek", job, "0"], cwd=shell.folder, env=shell.env, capture_output=True)
    own, parent, umask = peeked.stdout.decode(errors="surrogateescape").split("==\n")
    return set(own.splitlines()), set(parent.splitlines()), umask.strip()


@pytest.mark.usefixtures("bare")
def test_each_task_has_the_environment_and_the_umask_of_its_own_submitter(shell: Shell) -> None:
    # Given consumers that an earlier command started
    assert submit(shell, "-n", "first", "--", "sh", "-c", SHOW, TZ="Asia/Tokyo", FOO="one", BAR="x").returncode == 0

    # When another one submits a job that they serve
    variables: dict[str, str | bytes] = {"FOO": b"caf\xe9", "PYTHONUNBUFFERED": "", "AIRFLOW_HOME": "/airflow"}
    second = submit(shell, "-n", "second", "--env", "MORE=1", "sh", "-c", f"{SHOW}; {BYTES}", umask="002", **variables)
    assert second.returncode == 0, second.stderr

    # Then each job has its own variables, and no variables of the other
    own, parent, umask = shown(shell, "first")
    assert {"TZ=Asia/Tokyo", "FOO=one", "BAR=x", "PYTHONUNBUFFERED=1"} <= own
    assert umask == "0022"
    own, parent, umask = shown(shell, "second")
    assert {"PYTHONUNBUFFERED=", "MORE=1"} <= own
    assert not {name for name in own | parent if name.startswith(("TZ=", "BAR=", "AIRFLOW"))}
    assert umask.split() == ["0002", "63", "61", "66", "e9"]
    # and the consumer has no such variable
    assert not {name for name in parent if name.startswith(("FOO=", "KUBEQUE_QUEUE_URL="))}
    # and no stored or shown text contains them
    assert b"caf\xe9" not in b"".join(path.read_bytes() for path in (shell.home / "results").rglob("*.json"))
    assert "caf" not in shell.run("show", "second", "--json").stdout


#: Variables of an Airflow worker.
WORKER = {
    "AIRFLOW_CTX_DAG_ID": "dag", "AIRFLOW__CORE__FERNET_KEY": "airflow-key", "AIRFLOW_CONN_DB": "airflow-password",
    "AIRFLOW_HOME": "/opt/airflow", "DB_PASSWORD": "worker-password", "PYTHONPATH": str(Path(__file__).parents[2]),
    "LC_TIME": "C", "CONDA_PREFIX": "/conda",
}  # fmt: skip


@pytest.mark.usefixtures("bare")
def test_a_task_below_an_airflow_worker_finds_nothing_of_the_worker(shell: Shell, tmp_path: Path) -> None:
    # Given a process of a worker that submits through Python, as a BashOperator's or a plain function
    code = (
        "import sys; from kubeque import Client, Sweep; from kubeque.model.rows.grid import sequence\n"
        "with Client() as client:\n"
        "    client.submit(Sweep(sys.argv[1:], sequence(1), name='sweep', env={'GIVEN': '1'})); client.wait('sweep')"
    )
    search = f"grep -rlE 'airflo[w]-(key|password)|worke[r]-password' {shell.home}; true"
    words = [sys.executable, "-c", code, "sh", "-c", f"{search}; {SHOW}"]
    ran = subprocess.run(words, cwd=shell.folder, env=shell.env | WORKER, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr

    # Then the task has what runs programs, and neither it nor its consumer nor the home folder has more
    own, parent, _ = shown(shell, "sweep")
    names = {line.partition("=")[0] for line in own if not line.startswith("KUBEQUE_")}
    allowed = {"PATH", "HOME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONUNBUFFERED", "GIVEN"}
    # The shell of the task sets the last three.
    assert {name for name in names - allowed if not name.startswith(("LC_", "CONDA_"))} <= {"PWD", "SHLVL", "_"}
    assert {"GIVEN=1", "LC_TIME=C", "CONDA_PREFIX=/conda"} <= own
    assert not {line for line in own | parent if line.startswith(("AIRFLOW", "DB_PASSWORD")) or "password" in line}
    assert "environments" not in "".join(own)


def test_what_is_kept_below_the_home_is_the_users_alone(shell: Shell) -> None:
    # Given a home that others may enter, and a umask that lets others read
    shell.home.mkdir(mode=0o755)
    shell.write("input.txt", "x")
    ran = submit(shell, "-n", "sweep", "--env", "TOKEN=secret", "cat", "^input.txt", umask="000")
    assert ran.returncode == 0, ran.stderr
    # Then they cannot read anything below it
    modes = {path: path.lstat().st_mode & 0o077 for path in shell.home.rglob("*") if "work" not in path.parts}
    assert {str(path): oct(mode) for path, mode in modes.items() if mode} == {}
    assert (shell.home / "work").stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("bare")
def test_a_submission_that_changes_only_the_environment_names_what_differs(shell: Shell) -> None:
    words = ("-n", "sweep", "sh", "-c", 'echo "$FOO"; exit 1')
    assert submit(shell, *words, FOO="one-secret").returncode == 1

    again = submit(shell, *words, umask="077", FOO="two-secret", BAR="x")

    (line,) = (line for line in again.stderr.splitlines() if "differs" in line)
    assert " BAR, FOO, umask:" in line
    assert "kubeque reset sweep --update" in line
    assert "secret" not in again.stdout + again.stderr
    assert shell.run("peek", "sweep", "0").stdout == "one-secret\n"

    # A reset without the environment is refused, with the remedy
    for path in (shell.home / "environments").iterdir():
        path.unlink()
    reset = shell.run("reset", "sweep")
    assert reset.returncode == 2
    assert "kubeque reset sweep --update" in reset.stderr
    assert shell.run("reset", "sweep", "--update").returncode == 0


def test_a_job_of_another_queue_or_login_has_consumers_of_its_own(shell: Shell, tmp_path: Path) -> None:
    # Given consumers that are busy with a job of the default queue
    assert shell.run("sub", "-n", "busy", "--no-wait", "--consumers", "1", "sleep", "60").returncode == 0
    # When a job of another queue is submitted from the same home folder
    shell.write("other.kubeque", f"[config]\nqueue_url = sqlite:///{tmp_path}/other.db\n")
    ran = shell.run("--config", "other.kubeque", "sub", "-n", "sweep", "--consumers", "1", "true")
    # Then it does not wait for them
    assert ran.returncode == 0, ran.stderr
    # and one command stops all of them
    stay = ("-n", "stay", "--no-wait", "--consumers", "1", "sleep", "60")
    assert shell.run("--config", "other.kubeque", "sub", *stay).returncode == 0
    assert shell.run("stop").stdout == "2 consumers stopped\n"
