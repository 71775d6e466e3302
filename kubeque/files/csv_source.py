"""Read rows from a CSV file, on this machine or in a store."""

from __future__ import annotations

import io

from kubeque.files.store import Files
from kubeque.model.rows.csv_rows import read_csv
from kubeque.model.rows.parameters import Rows


def read_rows(files: Files, source: str) -> Rows:
    """Return the rows of a CSV file, a path or a URL. Raises ParametersError, StorageError."""
    if "://" not in source:
        return read_csv(lambda: open(source, "rb"), source)
    data = files.read(source)
    return read_csv(lambda: io.BytesIO(data), source)
