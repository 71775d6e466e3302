"""The field Extra of connections of the type `kubeque`."""

from __future__ import annotations

import json
from typing import Any

from kubeque.model.errors import ConfigError


def read_extra(connection: Any, conn_type: str) -> dict[str, str]:
    """Return the entries of Extra that have a value.

    Raises ConfigError if Extra is not a JSON object, or if the connection has a different type.
    """
    if connection.conn_type != conn_type:
        raise ConfigError(
            f"connection {connection.conn_id} has the type {connection.conn_type!r}: change the type to"
            f" {conn_type!r}, or use"
            " another connection"
        )
    return {key: str(value) for key, value in _parse(connection).items() if value is not None}


def _parse(connection: Any) -> dict[str, Any]:
    """Return the field Extra as a dict. Raises ConfigError if it is not a JSON object.

    Airflow itself would treat a field that is not a JSON object as empty.
    """
    try:
        found = json.loads(connection.extra or "{}")
    except ValueError as error:
        raise ConfigError(
            f"connection {connection.conn_id}: extra is not JSON ({error}): correct extra in the form"
        ) from error
    if not isinstance(found, dict):
        raise ConfigError(f'connection {connection.conn_id}: extra is not a JSON object: write {{"queue_url": "..."}}')
    return found
