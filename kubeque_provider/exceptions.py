"""What an Airflow task of this provider fails with: one class a reason, so that retry rules can tell them apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kubeque.model.errors import UserError
from kubeque_provider.airflow_versions import AirflowException, AirflowFailException

__all__ = ["BadSweep", "SweepFailed", "SweepKilled", "permanent"]


class BadSweep(AirflowFailException):
    """What the DAG asks for is wrong: Airflow does not try again before somebody mends it."""


class SweepFailed(AirflowException):
    """The sweep ended without success; the message names rows. Another try runs those that failed again."""


class SweepKilled(SweepFailed):
    """The sweep was killed before it was done."""


@contextmanager
def permanent() -> Iterator[None]:
    """Inside, an error of the user's (a bad file, an unknown column, no such job) becomes BadSweep."""
    try:
        yield
    except UserError as error:
        raise BadSweep(str(error)) from error
