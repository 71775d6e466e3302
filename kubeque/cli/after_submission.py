"""Change the errors that occur after a submission, so that each of them names the submitted job.

The exit code of these errors also differs from that of a refused submission.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from kubeque.cli.output.streams import OutputError
from kubeque.model.errors import KubequeError, UserError


@contextmanager
def after_submission(name: str, later: str = "") -> Iterator[None]:
    """Add to the message of each error in the `with` block that the job `name` is submitted and continues.

    `later`: text to add at the end of the message, about what the present command will not do.

    A UserError is raised as KubequeError with exit code 1, because exit code 2 means that nothing was submitted.
    """
    there = f"{name} is submitted and continues: kubeque watch {shlex.quote(name)}{later}"
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
    """Add to the message of each error in the `with` block how the job ended, and how to fetch its results.

    `outcome`: words for the end of the job, for example "success". Errors of standard output are not changed.
    """
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
