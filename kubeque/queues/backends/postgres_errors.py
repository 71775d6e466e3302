"""Errors of a PostgreSQL database: which errors are temporary, and remedies for the other errors."""

from __future__ import annotations

import re

from kubeque.model.errors import QueueError, QueueRefused, QueueUnavailable

#: Remedies for lasting connection errors, by a pattern of their messages. libpq sets no SQLSTATE for these errors.
_REFUSALS = {
    "password authentication failed": "correct user or password in queue_url",
    "no password supplied": "put the password into queue_url, PGPASSWORD or ~/.pgpass",
    "no pg_hba.conf entry": "let this machine and user in, in the server's pg_hba.conf",
    'role ".*" does not exist': "create the user, or name another one in queue_url",
    'database ".*" does not exist': "create the database, or name another one in queue_url",
    "permission denied for database": "grant CONNECT on it to this user",
    r"invalid \S+ value": "correct it in queue_url",
    "certificate": "correct sslmode and sslrootcert in queue_url",
}
_NO_RIGHT = "42501"
#: Remedies for lasting errors of statements, by the start of the SQLSTATE (postgresql.org/docs, "Error Codes").
_STATES = {
    _NO_RIGHT: "use a login that has this right, or grant this user a role of deploy/postgres-roles.sql or the right to"
    " create tables in the schema",
    "42P01": "the tables are gone; open the queue again to make new tables",
    "3F000": "create the schema that search_path names",
    "53100": "make room on the disk of the database",
}
#: Starts of the SQLSTATEs of temporary errors. The connection was lost, resources are missing, or a deadlock was found.
#: A lock or a statement took too long. The server stops, starts or becomes read-only, or its disk failed.
_PASSING = ("08", "53", "40", "55P03", "57", "25006", "25P0", "58")


def make_error(text: str, state: str, where: str, *, of_connection: bool) -> QueueError:
    """Convert an error of psycopg to a QueueError. A temporary error becomes QueueUnavailable.

    The new message names the database `where`, and a remedy if one is known. `text`: message of the error. `state`:
    SQLSTATE of the error; empty if the error has none. `of_connection`: True if the error may concern the connection.
    """
    if not state and of_connection:
        for pattern, remedy in _REFUSALS.items():
            if re.search(pattern, text):
                return QueueError(f"the queue {where} refuses the connection ({text}): {remedy}")
        return QueueUnavailable(f"the queue {where} does not answer ({text})")
    for prefix, remedy in _STATES.items():
        if state.startswith(prefix):
            kind = QueueRefused if prefix == _NO_RIGHT else QueueError
            return kind(f"the queue {where} failed ({text}): {remedy}")
    if state.startswith(_PASSING):
        return QueueUnavailable(f"the queue {where} did not complete the request ({text})")
    return QueueError(f"the queue {where} failed: {text}")
