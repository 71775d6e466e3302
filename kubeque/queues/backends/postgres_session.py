"""One transaction in PostgreSQL: its beginning, its statements and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from kubeque.queues.backends.sql_dialect import Cursor

if TYPE_CHECKING:
    from psycopg import Connection

#: Time limit of a statement, seconds. The server enforces it.
_STATEMENT_SECONDS = 30.0
#: Start of each transaction. SET LOCAL ends with the transaction: behind a connection pooler in transaction mode, other
#: programs use the same connection next. Fencing needs READ COMMITTED. Every ordered search has an index. But until the
#: tables are analyzed, the planner assumes that the tables are small, and sorts all blocks of a job. With 4,000 blocks
#: that takes 2 ms instead of 0.1 ms. So sorting is off. The estimated cost of a necessary sort is then so high that JIT
#: would compile the plan. JIT is off too, because a compilation takes half a second. This text is sent in one message
#: with the transaction's first statement, because each message is a round trip to the server.
_BEGIN = (
    f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '{_STATEMENT_SECONDS:.0f}s';"
    " SET LOCAL enable_sort = off; SET LOCAL jit = off"
).encode()
_BEGIN_RESULTS = _BEGIN.count(b";") + 1
#: Start of the SQLSTATE with which a server ends a connection. The server stops, an administrator has ended the
#: connection, or a time limit has passed.
_ENDED = "57P"


class Session:
    """The executor of one transaction."""

    def __init__(self, connection: Connection[Any], connect: Callable[[], Connection[Any]]) -> None:
        self.connection = connection
        self._connect = connect
        self._begun = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the transaction at the end of the block. Roll it back after an error."""
        try:
            yield
        except BaseException:
            if self._begun:
                self._roll_back()
            raise
        if self._begun:
            self.connection.execute(b"COMMIT")

    def read(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        """Return the rows of a statement that changes nothing. The whole transaction is one message."""
        try:
            return self._begin(statement, values, b"COMMIT").fetchall()
        except BaseException:
            self._roll_back()
            raise

    def __call__(self, statement: str, values: tuple[Any, ...] = (), /) -> Cursor:
        if not self._begun:
            return self._begin(statement, values)
        return cast(Cursor, self.connection.execute(_numbered(statement), values or None))

    def _begin(self, statement: str, values: tuple[Any, ...], *after: bytes) -> Cursor:
        """Begin a transaction with its first statement. If the server has ended the connection, open a new one.

        The server can end an unused connection at any moment, even after `_hung_up` has checked it. Only a statement
        that is not committed in the same message, or changes nothing, may be sent twice.
        """
        import psycopg

        self._begun = True
        message = b"; ".join((_BEGIN, _numbered(statement), *after))
        try:
            return self._send(message, values)
        except psycopg.OperationalError as error:
            if not (error.sqlstate or "").startswith(_ENDED):
                raise
        self.connection.close()
        self.connection = self._connect()
        return self._send(message, values)

    def _send(self, message: bytes, values: tuple[Any, ...]) -> Cursor:
        """Run a message that starts with _BEGIN. Return the cursor at the result of the statement behind _BEGIN.

        The server takes parameters only for a single statement. So libpq quotes the values into the message.
        """
        import psycopg

        cursor = psycopg.ClientCursor(self.connection)
        cursor.execute(message, values or None)
        for _ in range(_BEGIN_RESULTS):
            cursor.nextset()
        return cast(Cursor, cursor)

    def _roll_back(self) -> None:
        """End a failed transaction. A connection that fails again is not used again."""
        import psycopg

        try:
            self.connection.execute(b"ROLLBACK")
        except psycopg.Error:
            self.connection.close()

    def many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if not self._begun:
            self._begin("SELECT 1", ())
        with self.connection.cursor() as cursor:  # psycopg sends these statements in a pipeline
            cursor.executemany(_numbered(statement), rows)


def _numbered(statement: str) -> bytes:
    """Return a statement with psycopg's placeholders. In statements `?` is always a placeholder; `%` never occurs."""
    return statement.replace("?", "%s").encode()
