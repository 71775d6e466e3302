"""The interface of an SQL dialect for `sql.py`: connections, column types and transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Cursor(Protocol):
    """The methods of a database cursor that kubeque uses."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Executor(Protocol):
    """A function that runs statements in one transaction."""

    def __call__(self, statement: str, values: tuple[Any, ...] = (), /) -> Cursor: ...


class Dialect(Protocol):
    """Connections to one SQL database, and the differences of its SQL from that of other databases."""

    @property
    def types(self) -> Mapping[str, str]:
        """SQL types of columns for the keys "integer", "real", "bytes" and "text". A text is compared by its bytes."""

    @property
    def alone(self) -> str:
        """Statement that makes other processes wait in `prepare_tables` until the transaction ends.

        Empty if the database executes only one write transaction at a time.
        """

    @property
    def has_table(self) -> str:
        """Statement that returns a row if a table exists. Its placeholder is for the name of the table."""

    def transaction(self, *, write: bool) -> AbstractContextManager[Executor]:
        """Return a context manager for one transaction. It yields a function that runs statements in this transaction.

        `write`: True if the transaction changes the database. The context manager converts the errors of the driver to
        QueueError or QueueUnavailable.
        """

    def read(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Run one statement that changes nothing, in a separate transaction. Return its rows."""

    def many(self, execute: Executor, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run one statement once for each row of values, in the transaction of `execute`."""

    def now(self) -> float:
        """Return the time of the database, Unix seconds."""

    def where(self) -> str:
        """Return the name of the database for messages, without a password."""

    def close(self) -> None:
        """Close the connections."""
