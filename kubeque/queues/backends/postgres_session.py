"""One transaction in PostgreSQL: begin it, run its statements and end it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from kubeque.queues.backends.sql_dialect import Cursor

if TYPE_CHECKING:
    from psycopg import Connection

#: Time limit of a statement, seconds. The server enforces it.
_STATEMENT_SECONDS = 30.0
#: Statements at the start of each transaction. They are sent in one message with the transaction's first statement,
#: because each message is a round trip to the server. Fencing needs READ COMMITTED. The settings are local to the
#: transaction (SET LOCAL), because behind a connection pooler other programs use the same connection next. Sorting is
#: off, because every ordered search has an index. Until the tables are analyzed, the planner expects small tables and
#: would sort all blocks of a job. With 4,000 blocks, this takes 2 ms instead of 0.1 ms. If a plan needs a sort although
#: sorting is off, its estimated cost is very high. JIT is off too, because it would compile such a plan, which takes
#: half a second.
_BEGIN = (
    f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '{_STATEMENT_SECONDS:.0f}s';"
    " SET LOCAL enable_sort = off; SET LOCAL jit = off"
).encode()
_BEGIN_RESULTS = _BEGIN.count(b";") + 1
#: Start of the SQLSTATE with which a server ends a connection. Reasons: the server stops, an administrator has ended
#: the connection, or the connection was unused for too long.
_ENDED = "57P"


class Session:
    """Runs the statements of one transaction on one connection: call the session with each statement and its values."""

    def __init__(self, connection: Connection[Any], connect: Callable[[], Connection[Any]]) -> None:
        self.connection = connection
        self._connect = connect
        self._begun = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the transaction at the end of the `with` block. After an error, roll it back."""
        try:
            yield
        except BaseException:
            if self._begun:
                self._roll_back()
            raise
        if self._begun:
            self.connection.execute(b"COMMIT")

    def read(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        """Return the rows of a statement that changes nothing. One message to the server has the whole transaction."""
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
        """Begin a transaction with its first statement, and return the cursor of this statement.

        `after`: statements to send in the same message behind the first one. If the server has ended the unused
        connection, open a new connection and send the message again. So if `after` contains a COMMIT, the first
        statement must not change anything.
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
        """Send a message that starts with _BEGIN. Return the cursor at the result of the statement behind _BEGIN.

        The server accepts parameters only for a single statement. So the client writes the quoted values into the
        message.
        """
        import psycopg

        cursor = psycopg.ClientCursor(self.connection)
        cursor.execute(message, values or None)
        for _ in range(_BEGIN_RESULTS):
            cursor.nextset()
        return cast(Cursor, cursor)

    def _roll_back(self) -> None:
        """Roll back a failed transaction. If this fails too, close the connection."""
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
    """Return a statement with psycopg's placeholder `%s` for each `?`.

    In the statements of kubeque, `?` is always a placeholder, and `%` never occurs.
    """
    return statement.replace("?", "%s").encode()
