"""Use Airflow's ObjectStoragePath for the rows of a sweep and for the destination of its results."""

from __future__ import annotations

import io
from typing import Any

from kubeque.model.errors import ParametersError, UserError
from kubeque.model.rows.formats.csv_rows import read_csv
from kubeque.model.rows.rows import Rows


def is_object_path(value: Any) -> bool:
    """True if a value is an ObjectStoragePath. The check does not import this class."""
    return hasattr(value, "is_absolute") and hasattr(value, "protocol") and hasattr(value, "conn_id")


def read_object_path(path: Any) -> Rows:
    """Return the rows of a CSV file. Read it with the login of the path's connection. Raises ParametersError."""
    try:
        data = path.read_bytes()
    except Exception as error:  # the libraries below fsspec have no common base class
        raise ParametersError(f"parameters: {path} cannot be read: {error}") from error
    return read_csv(lambda: io.BytesIO(data), str(path))


def to_dest(dest: Any) -> str:
    """Return the argument `dest` as a path or a URL. Raises UserError if it names a connection."""
    if not is_object_path(dest):
        return str(dest)
    if dest.conn_id:
        raise UserError(
            f"dest {str(dest)!r} names the connection {dest.conn_id!r}: kubeque writes results with the login of the"
            " worker, so leave the connection out"
        )
    return str(dest.path) if dest.protocol in ("file", "local", "") else str(dest)
