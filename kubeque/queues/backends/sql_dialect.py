"""The interface of an SQL dialect, which `sql.py` uses: its connections, column types and transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Cursor(Protocol):
    """The methods of a database cursor that are used here."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Executor(Protocol):
    """A function that runs statements in one transaction."""

    def __call__(self, statement: str, values: tuple[Any, ...] = (), /) -> Cursor: ...


class Dialect(Protocol):
    """One kind of SQL database."""

    @property
    def types(self) -> Mapping[str, str]:
        """Column types by name: "integer", "real", "bytes", "text" (compared by bytes)."""

    @property
    def alone(self) -> str:
        """Statement that keeps other processes out of `prepare` until the transaction ends.

        Empty if every write transaction keeps other processes out.
        """

    @property
    def has_table(self) -> str:
        """Statement that returns a row if a table of the given name exists."""

    def transaction(self, *, write: bool) -> AbstractContextManager[Executor]:
        """Return the context of one transaction.

        The context converts driver errors to QueueError or QueueUnavailable.
        """

    def read(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return the rows of one statement that changes nothing, in a transaction of its own."""

    def many(self, execute: Executor, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run one statement for many rows."""

    def now(self) -> float:
        """Return the time of the database, Unix seconds."""

    def where(self) -> str:
        """Return the name of the database for messages, without a password."""

    def close(self) -> None:
        """Close the connections."""
