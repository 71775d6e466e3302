"""Read the record of a job's input sources: the files of this machine from which the inputs were made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kubeque.clusters.environment_files import Environments
from kubeque.jobs.backends import Backends
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ClusterError
from kubeque.model.job.job import Job


@dataclass(frozen=True, slots=True)
class InputSources:
    """The folder and the `push` options from which the inputs of a revision were found."""

    base: Path
    push: tuple[str, ...]
    #: Names of inputs that a different job provided (`--like`).
    stored: frozenset[str]
    #: True if `stored` contains the files of the command's `^` words.
    stored_command: bool
    #: Unix time of the submission, seconds.
    at: float
    #: Starts of paths that the user wrote in patterns of files (see `with_roots`).
    roots: tuple[str, ...]


def read_sources(backends: Backends, job: Job) -> InputSources | None:
    """Return the sources of the job's current revision; None if this machine has no readable record of them."""
    try:
        wire: Any = Environments(backends.config.home).read_sources(job)
        return InputSources(
            Path(wire["base"]), tuple(wire["push"]), frozenset(wire["stored"]), bool(wire["stored_command"]),
            float(wire["at"]), tuple(wire.get("roots", ())),
        )  # fmt: skip
    except (ClusterError, ValueError, KeyError, TypeError):
        return None
