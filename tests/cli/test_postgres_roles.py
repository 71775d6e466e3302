"""Three roles of PostgreSQL share a queue: one submits, one only takes tasks, one only looks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from kubeque.clusters.in_pod import start_with_queue
from kubeque.queues.open import open_queue
from tests.cli.conftest import Shell
from tests.servers.here import running
from tests.servers.postgres import PASSWORD, USER, PostgresServer

pytestmark = [pytest.mark.xdist_group("postgres"), pytest.mark.server("postgres")]

ROLES = Path(__file__).parents[2] / "deploy" / "postgres-roles.sql"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A queue whose roles come from the file. `{}` in the URL is the user and the password."""
    with running(PostgresServer) as server:
        url = server.create_database()
        open_queue(url).close()
        server.sql(f'ALTER ROLE "{USER}" CREATEROLE')
        with psycopg.connect(url, autocommit=True) as owner:
            for _ in range(2):  # the file can run again
                owner.execute(ROLES.read_bytes())
            for role in ("submit", "work", "look"):
                owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{role}' IN ROLE kubeque_{role}".encode())
            block = "INSERT INTO kubeque_block (uid, id, lo, shape, tally, pending, version, body)"
            owner.execute(f"{block} VALUES ('of-no-job', '0-0', 0, 0, 0, 0, 1, '')".encode())
        yield url.replace(f"{USER}:{PASSWORD.replace('/', '%2F')}", "{0}:{0}")


def become(shell: Shell, url: str, role: str) -> None:
    shell.write(".kubeque", f"queue_url = {url.format(role)}\n").chmod(0o600)


def denied(ran: subprocess.CompletedProcess[str]) -> bool:
    return ran.returncode != 0 and "permission denied" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.rotating
@pytest.mark.timeout(300)
def test_a_sweep_with_the_three_roles(shell: Shell, url: str) -> None:
    # Given a job of a login that submits, whose consumers were stopped
    become(shell, url, "submit")
    ran = shell.run("sub", "-n", "job", "--no-wait", "--repeat", "20", "sh", "-c", "sleep 0.5; echo $0", "{index}")
    assert ran.returncode == 0, ran.stderr
    shell.run("stop")

    # When a consumer with a login that only takes tasks runs them
    with closing(open_queue(url.format("submit"))) as queue:
        words = ["--fleet", queue.job("job").fleet, "--home", str(shell.home), "--slot", "7"]
    log = shell.folder / "consumer.log"
    with log.open("wb") as stderr:
        argv = [sys.executable, "-m", "kubeque.consumer", *words]
        consumer = start_with_queue(argv, url.format("work"), stderr=stderr)
        assert consumer.wait(90) == 0, log.read_text()
    assert "permission" not in log.read_text()

    # Then a login that only looks sees all of it and changes nothing
    become(shell, url, "look")
    assert json.loads(shell.run("status", "job", "--json").stdout)["counts"]["ok"] == 20
    for words in (["list"], ["show", "job", "3"], ["explain", "job"], ["doctor", "job"], ["fetch", "job", "back"]):
        ran = shell.run(*words)
        assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
    for words in (["sub", "-n", "other", "true"], ["remove", "job", "--yes"]):
        assert denied(shell.run(*words)), words

    # And the login that submits removes it, unlike the consumer's login
    become(shell, url, "work")
    assert denied(shell.run("sub", "-n", "other", "true"))
    assert denied(shell.run("remove", "job", "--yes"))
    become(shell, url, "submit")
    ran = shell.run("remove", "job", "--yes")
    assert ran.returncode == 0, ran.stderr


FORBIDDEN = {
    "look": [
        "INSERT INTO kubeque_job VALUES ('x', 'x', 1, '')", "UPDATE kubeque_job SET version = 1",
        "DELETE FROM kubeque_job",
        "INSERT INTO kubeque_block (uid, id, lo, shape, tally, pending, version, body) VALUES ('x','x',0,0,0,0,0,'')",
        "UPDATE kubeque_block SET slot = 1", "DELETE FROM kubeque_block", "UPDATE kubeque_schema SET version = 9",
        "TRUNCATE kubeque_job", "DROP TABLE kubeque_job", "CREATE TABLE more (a int)",
        "SELECT * FROM kubeque_job FOR UPDATE",
    ],
    "work": [
        "INSERT INTO kubeque_job VALUES ('x', 'x', 1, '')", "UPDATE kubeque_job SET name = 'x'",
        "DELETE FROM kubeque_job",
        "UPDATE kubeque_block SET uid = 'x'", "DELETE FROM kubeque_block", "INSERT INTO kubeque_schema VALUES (9)",
        "TRUNCATE kubeque_block", "DROP TABLE kubeque_block", "CREATE TABLE more (a int)",
        "ALTER TABLE kubeque_job ADD COLUMN a int",
    ],
    "submit": [
        "INSERT INTO kubeque_schema VALUES (9)", "UPDATE kubeque_schema SET version = 9", "DELETE FROM kubeque_schema",
        "TRUNCATE kubeque_job", "DROP TABLE kubeque_job", "CREATE TABLE more (a int)", "SET ROLE kubeque",
        "CREATE ROLE more",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("role", "statement"), [(role, text) for role, texts in FORBIDDEN.items() for text in texts])
def test_the_server_refuses_what_a_role_may_not_do(url: str, role: str, statement: str) -> None:
    with psycopg.connect(url.format(role), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM kubeque_job").fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
