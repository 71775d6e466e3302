"""Properties of PostgreSQL: broken connections, servers that stop, freeze and recover, plans and passwords."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from kubeque.model.errors import ConfigError, QueueError, QueueSchemaError, QueueUnavailable
from kubeque.model.job.task import State
from kubeque.queues.backends.backend import Find, JobRecord
from kubeque.queues.backends.postgres import PostgresDialect, open_postgres
from kubeque.queues.backends.sql import SqlBackend
from kubeque.queues.backends.sql_dialect import Executor
from kubeque.queues.open import open_queue
from kubeque.queues.queue import Queue
from tests.queues.makers import claim, make_job, only_block, run_next, states, submit
from tests.queues.records import UID, block, kept, leased
from tests.servers.faults import TcpProxy
from tests.servers.here import running
from tests.servers.postgres import PASSWORD, USER, PostgresServer
from tests.waiting import until

pytestmark = [pytest.mark.xdist_group("postgres"), pytest.mark.server("postgres")]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server that these tests may stop."""
    with running(PostgresServer) as server:
        yield server


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """A new database."""
    return postgres.create_database()


@pytest.fixture
def backend(url: str) -> Iterator[SqlBackend]:
    with closing(open_postgres(url)) as backend:
        yield backend


@pytest.fixture
def queue(backend: SqlBackend) -> Queue:
    return Queue(backend)


def database(url: str) -> str:
    return urlsplit(url).path[1:]


def through(proxy: TcpProxy, url: str) -> str:
    return url.replace(f":{urlsplit(url).port}/", f":{proxy.port}/")


# ------------------------------------------------------------------ broken lines
def test_connections_that_the_server_ended_are_replaced_unnoticed(
    queue: Queue, postgres: PostgresServer, url: str
) -> None:
    job = submit(queue, make_job(2))
    postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database(url)}'")
    lease = claim(queue, job)
    run_next(lease)
    lease.commit()
    assert states(queue, job)[0] is State.OK


@pytest.mark.parametrize("action", ["read", "write"])
def test_a_connection_that_the_server_ends_while_it_is_used_again_is_replaced_unnoticed(
    backend: SqlBackend, postgres: PostgresServer, url: str, action: str
) -> None:
    # Given a connection whose process at the server is about to end, which nobody can see yet
    (old,) = kept(backend, block(0))
    serving = f"SELECT pid FROM pg_stat_activity WHERE datname = '{database(url)}'"
    pids = [int(pid) for pid in postgres.sql(serving).split()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGTERM)
    # When it is used
    threading.Timer(0.2, lambda: [os.kill(pid, signal.SIGCONT) for pid in pids]).start()
    if action == "read":
        assert backend.get_block(UID, old.id) == old
    else:
        assert backend.swap_block(old) > old.version
    # Then another one did it
    assert not set(pids) & {int(pid) for pid in postgres.sql(serving).split()}


@pytest.mark.parametrize("kill", [False, True], ids=["restarted", "killed and recovered"])
def test_work_goes_on_when_the_server_was_restarted(queue: Queue, postgres: PostgresServer, kill: bool) -> None:
    job = submit(queue, make_job(4))
    lease = claim(queue, job, reserve=2)
    run_next(lease)
    lease.commit()
    run_next(lease)
    postgres.restart(kill=kill)
    lease.commit(reserve=2)
    assert states(queue, job) == {0: State.OK, 1: State.OK, 2: State.RESERVED, 3: State.RESERVED}


def test_a_server_that_is_away_is_unavailable_and_nothing_is_lost(queue: Queue, postgres: PostgresServer) -> None:
    job = submit(queue, make_job(1))
    lease = claim(queue, job)
    run_next(lease)
    postgres.stop()
    try:
        for action in (lease.commit, lambda: queue.find(job.name), lambda: queue.tallies(job)):
            with pytest.raises(QueueUnavailable, match="does not answer"):
                action()
        assert queue.now() > 0  # the clock goes on
    finally:
        postgres.start()
    lease.commit()
    assert states(queue, job) == {0: State.OK}


def test_a_commit_whose_answer_was_lost_is_settled_by_reading(url: str, postgres: PostgresServer) -> None:
    with TcpProxy(postgres.port) as proxy, closing(open_queue(through(proxy, url))) as queue:
        job = submit(queue, make_job(2))
        lease = claim(queue, job, reserve=2)
        run_next(lease)
        proxy.lose_answer_to(b"COMMIT")
        lease.commit()
        assert proxy.losses == 1
        assert states(queue, job) == {0: State.OK, 1: State.RESERVED}
        assert only_block(queue, job).seq == 1


def test_a_line_cut_in_the_middle_of_a_transaction_leaves_nothing_of_it(url: str, postgres: PostgresServer) -> None:
    with TcpProxy(postgres.port) as proxy, closing(open_queue(through(proxy, url))) as queue:
        job = submit(queue, make_job(2))
        lease = claim(queue, job, reserve=2)
        run_next(lease)
        proxy.lose_answer_to(b"UPDATE")
        lease.commit()
        assert proxy.losses == 1
        assert only_block(queue, job).seq == 1
        with closing(open_queue(url)) as direct:
            assert states(direct, job) == {0: State.OK, 1: State.RESERVED}


def test_a_frozen_server_is_not_waited_for_for_ever(postgres: PostgresServer, url: str) -> None:
    with closing(SqlBackend(PostgresDialect(url, silence_seconds=1.0))) as backend:
        backend.insert_blocks([block(0)])
        with postgres.frozen(), pytest.raises(QueueUnavailable, match="no answer for 1 s"):
            backend.get_block(UID, "0-0")
        assert backend.get_block(UID, "0-0") is not None


def test_a_statement_that_waits_for_a_lock_too_long_is_given_up(backend: SqlBackend, url: str) -> None:
    (old,) = kept(backend, block(0))
    impatient = f"{url}?options=-clock_timeout%3D300ms"
    with psycopg.connect(url) as other, closing(open_postgres(impatient)) as second:
        other.execute("SELECT 1 FROM kubeque_block FOR UPDATE")
        with pytest.raises(QueueUnavailable, match="lock timeout"):
            second.swap_block(old)


# ------------------------------------------------------------------ connections
def test_connections_do_not_pile_up_with_threads(queue: Queue, postgres: PostgresServer, url: str) -> None:
    submit(queue, make_job(1))
    threads = [threading.Thread(target=lambda: queue.find("sweep")) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = postgres.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database(url)}'")
    assert 1 <= int(held) <= 4


def test_a_forked_process_makes_connections_of_its_own(url: str) -> None:
    source = f"""
import os
from kubeque.queues.open import open_queue
from tests.queues.makers import make_job, submit
queue = open_queue({url!r})
submit(queue, make_job(3))
for _ in range(3):
    child = os.fork()
    if not child:
        assert queue.job("sweep").n == 3
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert queue.job("sweep").n == 3
queue.close()
print("well")
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("well\n", "")


def test_many_processes_may_open_a_new_database_at_once(url: str) -> None:
    source = f"""
from kubeque.queues.open import open_queue
queue = open_queue({url!r})
queue.self_test()
queue.close()
print("well")
"""
    started = [
        subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    assert [process.communicate(timeout=90) for process in started] == [("well\n", "")] * 8


# ------------------------------------------------------------------ what may be wrong with a URL and a database
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.replace(USER, "nobody-knows"), "correct user or password in queue_url"),
        (lambda url: url.replace("s3cret", "wr0ng"), "correct user or password in queue_url"),
        (lambda url: f"{url}-nowhere", "create the database"),
        (lambda url: url.replace("127.0.0.1", "no-such-host.invalid"), "no-such-host.invalid"),
        (lambda url: url.replace(":s3cret%2Fword@", ":s3cret/word@"), "with %40, %2F"),
        (lambda url: url.replace("postgresql:", "postgrsql:"), "unknown scheme 'postgrsql'"),
        (lambda url: url.replace(":s3cret%2Fword@", ":s3cret@word@"), "with %40, %2F"),
        (lambda url: url.replace(":s3cret%2Fword@", ":s3cret?word@"), "correct user or password"),
        (lambda url: url.replace(":s3cret%2Fword@", ":s3cret%word@"), "with %40, %2F"),
        (lambda url: url.replace("://", ":///"), "with %40, %2F"),
        (lambda url: f"{url}?colour=red", "with %40, %2F"),
        (lambda url: f"{url}?sslmode=maybe", "correct it in queue_url"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_without_its_password(
    url: str, change: Callable[[str], str], words: str
) -> None:
    with pytest.raises((ConfigError, QueueError)) as caught:
        open_queue(change(url))
    told = "".join(traceback.format_exception(caught.value, limit=0))
    assert words in str(caught.value)
    for secret in (PASSWORD, PASSWORD.replace("/", "%2F"), "s3cret", "wr0ng"):
        assert secret not in told


def test_a_lost_line_is_told_without_the_password(url: str, postgres: PostgresServer) -> None:
    with TcpProxy(postgres.port) as proxy, closing(open_queue(through(proxy, url))) as queue:
        proxy.lose_answer_to(b"SELECT")
        with pytest.raises(QueueUnavailable) as caught:
            queue.find("sweep")
    told = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in told
    assert f"postgresql://{USER}@127.0.0.1:{proxy.port}/{database(url)}" in told


def test_settings_end_with_each_transaction(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooler in transaction mode, such as pgbouncer, gives the same connection to another program next."""
    connections: list[psycopg.Connection[Any]] = []
    connect = psycopg.Connection.connect.__func__  # type: ignore[attr-defined]

    def remember(cls: type[psycopg.Connection[Any]], *args: Any, **kwargs: Any) -> psycopg.Connection[Any]:
        connections.append(connect(cls, *args, **kwargs))
        return connections[-1]

    names = ("statement_timeout", "enable_sort", "jit", "transaction_isolation")
    with psycopg.connect(url) as plain:
        usual = [plain.execute(f"SHOW {name}").fetchone() for name in names]  # type: ignore[call-overload]
    monkeypatch.setattr(psycopg.Connection, "connect", classmethod(remember))
    dialect = PostgresDialect(url)

    def show(execute: Executor) -> list[Any]:
        return [execute(f"SHOW {name}").fetchone() for name in names]

    for name, value in zip(names, ("30s", "off", "off", "read committed"), strict=True):
        assert dialect.read(f"SHOW {name}") == [(value,)]
    for write in (False, True):
        with dialect.transaction(write=write) as execute:
            assert show(execute) == [("30s",), ("off",), ("off",), ("read committed",)]
    with pytest.raises(QueueError), dialect.transaction(write=True) as execute:
        execute("SELECT nothing")
    with closing(open_queue(url)) as queue:
        run_next(claim(queue, submit(queue, make_job(2))))
        assert len(connections) > 1
        for connection in connections:
            assert [connection.execute(f"SHOW {name}").fetchone() for name in names] == usual
            kept = (
                "SELECT (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_listening_channels())"
            )
            assert connection.execute(kept).fetchone() == (0, 0)
            locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            assert connection.execute(locks).fetchone() == (0,)
    dialect.close()


def test_who_may_not_make_tables_may_use_those_that_are_there(postgres: PostgresServer, url: str) -> None:
    open_queue(url).close()
    postgres.sql("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    postgres.sql(
        "REVOKE CREATE ON SCHEMA public FROM public;"
        " GRANT SELECT, INSERT, UPDATE, DELETE ON kubeque_job, kubeque_block, kubeque_schema TO guest", database(url)
    )  # fmt: skip
    guest = url.replace(f"{USER}:s3cret%2Fword", "guest:guest")
    with closing(open_queue(guest)) as queue:
        queue.self_test()
    postgres.sql("DROP TABLE kubeque_job, kubeque_block, kubeque_schema", database(url))
    with pytest.raises(QueueError, match="the right to create tables"):
        open_queue(guest)


def test_a_server_that_only_reads_is_unavailable(postgres: PostgresServer, url: str) -> None:
    postgres.sql(f"ALTER DATABASE {database(url)} SET default_transaction_read_only = on")
    with pytest.raises(QueueUnavailable, match="read-only"):
        open_queue(url)


def test_a_newer_layout_is_refused(url: str) -> None:
    open_queue(url).close()
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO kubeque_schema (version) VALUES (99)")
    with pytest.raises(QueueSchemaError, match=r"has layout 99, but kubeque .* knows 2: upgrade kubeque"):
        open_queue(url)


def test_a_queue_of_the_first_layout_is_migrated_in_place(url: str) -> None:
    # Given a queue as kubeque 0.1 left it
    with closing(open_queue(url)) as queue:
        submit(queue, make_job(4))
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE kubeque_schema")
        connection.execute("CREATE TABLE kubeque_schema (version BIGINT NOT NULL)")
        connection.execute("INSERT INTO kubeque_schema (version) VALUES (1)")
    # When it is opened twice
    for _ in range(2):
        with closing(open_queue(url)) as queue:
            assert queue.job("sweep").n == 4
    # Then it was migrated once, and programs of the first layout are refused
    with psycopg.connect(url) as connection:
        stored = connection.execute("SELECT version, program FROM kubeque_schema ORDER BY 1").fetchall()
    assert stored == [(1, None), (2, "0.2")]


def test_ids_are_ordered_by_their_bytes(backend: SqlBackend) -> None:
    wanted = [f"0-{word}" for word in ("B", "a", "Z", "é", "_", "10", "9")]
    backend.insert_blocks([replace(block(0), id=each) for each in wanted])
    first, *_ = found = [record.id for record in backend.scan_blocks(UID)]
    assert found == sorted(wanted)
    assert [record.id for record in backend.scan_blocks(UID, after=(0, first))] == found[1:]


# ------------------------------------------------------------------ round trips
def test_a_read_is_one_round_trip_and_a_write_two(url: str, postgres: PostgresServer) -> None:
    with TcpProxy(postgres.port) as proxy, closing(open_postgres(through(proxy, url))) as backend:
        (old,) = kept(backend, block(0, slot=1))

        def trips(action: Callable[[], object]) -> int:
            before = proxy.trips
            action()
            return proxy.trips - before

        reads: list[Callable[[], object]] = [
            lambda: backend.get_block(UID, "0-0"),
            lambda: backend.get_job("sweep"),
            backend.list_jobs,
            lambda: backend.tally(UID),
            lambda: backend.scan_blocks(UID),
            lambda: backend.find_blocks(UID, Find.LEASED),
            lambda: backend.find_blocks(UID, Find.READY, limit=1),
        ]
        assert [trips(read) for read in reads] == [1] * len(reads)
        assert trips(lambda: backend.swap_block(old)) == 2


def test_values_in_one_message_with_their_statement_arrive_unchanged(backend: SqlBackend, url: str) -> None:
    types = {str: "text", bytes: "bytea", int: "bigint", float: "float8"}
    values = (
        "'; DROP TABLE kubeque_job; --", "\\'; SELECT 1; --", "%s %% ? $1", "\n\t\u00e9\U0001f600", "",
        bytes(range(256)), b"", b"'\\'", -(2**63), 2**63 - 1, -1, 0.1 + 0.2, -1e-300, 1e300, None,
    )  # fmt: skip
    # The old rules of quoting, which a database may still have, must not matter
    for options in ("", "?options=-cstandard_conforming_strings%3Doff"):
        with closing(PostgresDialect(url + options)) as dialect:
            for value in values:
                statement = f"SELECT 7, CAST(? AS {types.get(type(value), 'text')})"
                assert dialect.read(statement, (value,)) == [(7, value)]
                with dialect.transaction(write=True) as execute:
                    assert execute(statement, (value,)).fetchall() == [(7, value)]
    assert backend.list_jobs() == []


def test_a_connection_is_used_again_after_a_failed_read(url: str) -> None:
    with closing(PostgresDialect(url)) as dialect:
        ((first,),) = dialect.read("SELECT pg_backend_pid()")
        for statement in ("SELECT 1 / 0", "SELECT nothing", "SELECT 1 WHERE"):
            with pytest.raises(QueueError):
                dialect.read(statement)
            assert dialect.read("SELECT pg_backend_pid()") == [(first,)]


@pytest.mark.parametrize("text", ["sweep\0", "\0", "a\0b"])
def test_a_text_with_a_null_byte_is_refused_and_not_cut(backend: SqlBackend, text: str) -> None:
    for name in ("sweep", "a", ""):
        backend.insert_job(JobRecord(name, "fleet", b""))
    with pytest.raises(QueueError, match="NUL"):
        backend.get_job(text)
    with pytest.raises(QueueError, match="NUL"):
        backend.insert_job(JobRecord(text, "fleet", b""))
    assert {record.name for record in backend.list_jobs()} == {"sweep", "a", ""}


@pytest.mark.parametrize("action", ["read", "first write", "second write"])
def test_a_connection_that_ends_during_a_statement_leaves_no_transaction(
    url: str, postgres: PostgresServer, action: str
) -> None:
    wait = "SELECT 7 FROM pg_advisory_xact_lock(1)"
    waiting = f"FROM pg_stat_activity WHERE datname = '{database(url)}' AND wait_event = 'advisory'"

    def act() -> list[Any]:
        if action == "read":
            return dialect.read(wait)
        with dialect.transaction(write=True) as execute:
            if action == "second write":
                execute("SELECT 1")
            return list(execute(wait).fetchall())

    # Given a statement that waits for a lock
    with closing(PostgresDialect(url)) as dialect, psycopg.connect(url) as other, ThreadPoolExecutor() as threads:
        other.execute("SELECT pg_advisory_lock(1)")
        dialect.now()  # opens a connection
        acting = threads.submit(act)
        until("the wait for the lock", lambda: postgres.sql(f"SELECT count(*) {waiting}").strip() == "1")
        # When the server ends its connection
        postgres.sql(f"SELECT pg_terminate_backend(pid, 10000) {waiting}")
        other.execute("SELECT pg_advisory_unlock(1)")
        # Then the first statement of a transaction runs again, and no transaction stays open
        if action == "second write":
            with pytest.raises(QueueUnavailable):
                acting.result()
        else:
            assert acting.result() == [(7,)]
        other.commit()
        assert dialect.read("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'") == [(0,)]


# ------------------------------------------------------------------ plans
@pytest.fixture(scope="module")
def large(postgres: PostgresServer) -> Iterator[SqlBackend]:
    """Some thousand blocks of two jobs. They are new, so the server has no statistics yet."""
    with closing(open_postgres(postgres.create_database())) as backend:
        for uid in (UID, "uid-2"):
            held = [leased(lo, 100.0 + lo, spare=lo % 7 or None, uid=uid) for lo in range(3700, 4000)]
            waiting = [block(lo, uid=uid, slot=lo * 1000, body=bytes(400)) for lo in range(3700)]
            backend.insert_blocks(itertools.chain(waiting, held))
        yield backend


@pytest.mark.parametrize(
    ("search", "index"),
    [
        (lambda backend: backend.find_blocks(UID, Find.READY, slot=1_000_000), "kubeque_ready"),
        (lambda backend: backend.find_blocks(UID, Find.READY, size_classes=[0, 1], slot=1_000_000), "kubeque_ready"),
        (lambda backend: backend.find_blocks(UID, Find.LEASED, limit=1000), "kubeque_leased"),
        (lambda backend: backend.scan_blocks(UID, after=(1000, "0-1000")), "kubeque_order"),
        (lambda backend: backend.get_block(UID, "0-7"), "kubeque_block_pkey"),
    ],
)
def test_searches_use_their_indexes_and_sort_nothing(
    large: SqlBackend, monkeypatch: pytest.MonkeyPatch, search: Callable[[SqlBackend], object], index: str
) -> None:
    plans: list[str] = []
    execute = psycopg.ClientCursor.execute

    def explained(self: psycopg.ClientCursor[Any], message: bytes, values: object = None) -> object:
        if b"; SELECT uid" in message:
            execute(self, message.replace(b"; SELECT uid", b"; EXPLAIN SELECT uid"), values)  # type: ignore
            while self.description is None and self.nextset():
                continue
            plans.append("\n".join(row[0] for row in self.fetchall()))
        return execute(self, message, values)  # type: ignore[arg-type]

    monkeypatch.setattr(psycopg.ClientCursor, "execute", explained)
    assert search(large)
    for plan in plans:
        assert f"using {index} " in plan
        assert "Sort" not in plan
    assert plans
