"""Use Airflow's ObjectStoragePath for the rows of a sweep and for the destination of its results."""

from __future__ import annotations

import io
from typing import Any

from kubeque.model.errors import ParametersError
from kubeque.model.rows.formats.csv_rows import read_csv
from kubeque.model.rows.rows import Rows


def is_object_path(value: Any) -> bool:
    """True if a value is an ObjectStoragePath. The check does not import this class."""
    return hasattr(value, "is_absolute") and hasattr(value, "protocol") and hasattr(value, "conn_id")


def read_object_path(path: Any) -> Rows:
    """Return the rows of a CSV file, read with the login of the path's connection.

    Raises ParametersError if the file cannot be read or is not valid.
    """
    try:
        data = path.read_bytes()
    except Exception as error:  # the libraries below fsspec have no common base class
        raise ParametersError(f"parameters: {path} cannot be read: {error}") from error
    return read_csv(lambda: io.BytesIO(data), str(path))


def to_dest(dest: Any) -> tuple[str, str]:
    """Return `dest` as a path or a URL, and the id of the connection that it names; empty if it names no connection.

    An ObjectStoragePath can name a connection, and so can a URL such as `s3://aws_default@bucket/path`.
    """
    text = str(dest.path) if is_object_path(dest) and dest.protocol in ("file", "local", "") else str(dest)
    scheme, mark, rest = text.partition("://")
    place, slash, path = rest.partition("/")
    conn_id, at, bucket = place.rpartition("@")
    if not (mark and at):
        return text, getattr(dest, "conn_id", None) or "" if is_object_path(dest) else ""
    return f"{scheme}://{bucket}{slash}{path}", conn_id
