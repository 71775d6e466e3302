"""The URL of a queue from an Airflow connection: from its fields, or from a connection of the type postgres."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

from kubeque.model.config.config_file import hide_password
from kubeque.model.errors import ConfigError
from kubeque_provider.airflow_versions import mask_secret

#: Types of connections that `queue_conn_id` can name.
_POSTGRES = ("postgres", "postgresql")
#: Entries in the Extra of a postgres connection that are passed to libpq in the URL.
_LIBPQ = (
    "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "connect_timeout", "application_name", "options",
    "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "target_session_attrs", "gssencmode",
)  # fmt: skip
#: Entries in the Extra of a postgres connection that select a login which kubeque does not support.
_OTHER_LOGINS = ("iam", "redshift", "azure_conn_id")


def read_queue_url(
    connection: Any, extra: Mapping[str, str], find: Callable[[str], Any], warn: Callable[[str], None]
) -> str:
    """Return the URL of the queue; empty if the connection names no queue.

    `find`: function that takes the id of a connection and returns the connection. `warn`: function that takes a message
    for the log. Raises ConfigError if the connection names two queues, or if one of its fields cannot be used.
    """
    where, url, other = f"connection {connection.conn_id}", extra.get("queue_url", ""), extra.get("queue_conn_id", "")
    given = {"queue_url": url, "queue_conn_id": other, "host": connection.host}
    if len(named := [name for name, value in given.items() if value]) > 1:
        raise ConfigError(f"{where}: {' and '.join(named)} both name the queue: keep one of them")
    if other:
        return _from_postgres(find(other), where)
    if connection.host:
        return _make_url(connection, {})
    fields = [name for name in ("login", "password", "schema", "port") if getattr(connection, name)]
    if fields and not (url.startswith("postgres") and fields == ["password"]):
        raise ConfigError(
            f"{where}: {', '.join(fields)} cannot be used without a host: fill in the host of the PostgreSQL server"
        )
    return _with_password(url, connection.password, where) if fields else _check_url(url, where, warn)


def _from_postgres(found: Any, where: str) -> str:
    if found.conn_type not in _POSTGRES:
        raise ConfigError(
            f"{where}: queue_conn_id {found.conn_id!r} is a connection of the type {found.conn_type!r}: name a"
            " connection of the type postgres"
        )
    extra = found.extra_dejson
    for name in _OTHER_LOGINS:
        if extra.get(name) not in (None, "", False, "False", "false"):
            raise ConfigError(
                f"{where}: the connection {found.conn_id!r} logs in by {name!r}, which kubeque does not support: name a"
                " connection with login and password"
            )
    if not found.host:
        raise ConfigError(f"{where}: the connection {found.conn_id!r} has no host: fill in the host of PostgreSQL")
    return _make_url(found, {name: str(extra[name]) for name in _LIBPQ if extra.get(name) not in (None, "")})


def _make_url(connection: Any, options: Mapping[str, str]) -> str:
    user = quote(connection.login or "", safe="")
    if connection.password:
        mask_secret(connection.password)
        user += ":" + quote(connection.password, safe="")
        mask_secret(quote(connection.password, safe=""))
    host = f"[{connection.host}]" if ":" in connection.host else connection.host
    place = f"{user}@{host}" if user else host
    port = f":{connection.port}" if connection.port else ""
    query = f"?{urlencode(options, quote_via=quote)}" if options else ""
    return f"postgresql://{place}{port}/{quote(connection.schema or '', safe='')}{query}"


def _with_password(url: str, password: str, where: str) -> str:
    """Return a queue URL with the password of the connection inserted.

    Raises ConfigError if the URL has no user, or already has a password.
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at or hide_password(url) != url:
        raise ConfigError(f"{where}: the field Password needs a queue_url with a user and without a password")
    mask_secret(password)
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def _check_url(url: str, where: str, warn: Callable[[str], None]) -> str:
    """Return a queue URL unchanged. If it contains a password, mask the password in logs and warn."""
    if hide_password(url) != url:
        mask_secret(url)
        for secret in _passwords(url):
            mask_secret(secret)
        warn(
            f"{where}: queue_url contains a password, which all users with access to connections see; the next"
            " version refuses such a queue_url. Write host, login, password and schema into the fields of the"
            " connection,"
            " or name a connection of the type postgres in queue_conn_id"
        )
    return url


def _passwords(url: str) -> list[str]:
    """Return the password of a URL in two forms, as written and as decoded; an empty list without a password."""
    try:
        parts = urlsplit(url)
        found = {parts.password, parts.netloc.rpartition("@")[0].partition(":")[2]}
    except ValueError:
        return []
    return sorted({text for secret in found if secret for text in (secret, unquote(secret))})
