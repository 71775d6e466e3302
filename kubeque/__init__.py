"""Run one command over the rows of a table: as a queue of tasks, on one machine or on Kubernetes."""

from __future__ import annotations

__version__ = "0.1.0"
