"""Warnings while a DAG is parsed. Each warning has the line of the DAG file."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from kubeque_provider.exceptions import KubequeWarning


def warn(dag: Any, task_id: str, text: str) -> None:
    """Issue a warning about an Airflow task. The log of the DAG processor shows it, and DagBag collects it."""
    path = str(dag.fileloc)
    message = KubequeWarning(f"{dag.dag_id}.{task_id}: {text}")
    warnings.warn_explicit(message, None, path, _line(path))


def _line(path: str) -> int:
    """Return the number of the line at which the DAG file is being executed; 1 if the file is not being executed."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == path:
            return frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return 1
