"""A DAG bundle with versions, for tests. It is a folder with its version in the file VERSION."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle


class VersionedFolder(BaseDagBundle):
    """A folder as a bundle."""

    def __init__(self, *, path: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._path = Path(path)

    @property
    def path(self) -> Path:
        return self._path

    def get_current_version(self) -> str:
        return (self._path / "VERSION").read_text()

    def refresh(self) -> None:
        """Do nothing: the folder is as it is."""
