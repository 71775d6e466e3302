"""Errors after a submission.

Each error names the submitted job, and has a different exit code than a refused submission.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from kubeque.cli.output.streams import OutputError
from kubeque.model.errors import KubequeError, UserError


@contextmanager
def after_submission(name: str) -> Iterator[None]:
    """Add to each error raised in this block that the job `name` was submitted. Raises KubequeError, OutputError."""
    there = f"{name} is submitted and continues: kubeque watch {shlex.quote(name)}"
    try:
        yield
    except _NotFetched:
        raise
    except OutputError as error:
        raise OutputError(f"{error}; {there}") from error.__cause__
    except UserError as error:
        raise KubequeError(f"{error}; {there}") from error
    except KubequeError as error:
        error.args = (f"{error}; {there}",)
        raise


@contextmanager
def after_the_end(name: str, outcome: str) -> Iterator[None]:
    """Add to each error raised in this block how the job ended and how to fetch its results."""
    try:
        yield
    except OutputError:
        raise
    except KubequeError as error:
        raise _NotFetched(
            f"{name}: {outcome}; the results could not be fetched: {error}; to fetch the results: kubeque"
            f" fetch {shlex.quote(name)} OTHER_FOLDER"
        ) from error


class _NotFetched(KubequeError):
    """The job has ended, but its results could not be fetched."""
