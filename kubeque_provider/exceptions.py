"""Exceptions of this provider's Airflow tasks: one class per reason, so that retry policies can distinguish them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kubeque.model.errors import DestinationNotEmpty, UserError
from kubeque.model.wording import speaking
from kubeque_provider.airflow_versions import AirflowException, AirflowFailException
from kubeque_provider.wording import AIRFLOW

__all__ = ["BadArgument", "BadSweep", "KubequeWarning", "RowsFailed", "SweepFailed", "SweepKilled", "permanent"]


class KubequeWarning(UserWarning):
    """A DAG asks for something that may not work; the message says what to change."""


class BadSweep(AirflowFailException):
    """The DAG asks for something that cannot work. Airflow does not retry: correct the DAG, then clear the task."""


class BadArgument(BadSweep, ValueError):
    """An argument of an operator or sensor that cannot work, found when the DAG is read."""


class SweepFailed(AirflowException):
    """The sweep ended without success; the message lists failed rows. The next try runs rows again that did not
    fail by their own fault."""


class RowsFailed(SweepFailed, AirflowFailException):
    """All rows that failed did so by their own fault: exit, signal or timeout. Airflow does not retry."""


class SweepKilled(SweepFailed):
    """The sweep was killed before all rows had run."""


@contextmanager
def permanent(*passed: type[UserError]) -> Iterator[None]:
    """Raise a UserError of this block (a bad file, an unknown column, no such job) as BadSweep.

    `passed`: kinds of UserError that the caller handles.
    """
    try:
        with speaking(AIRFLOW):
            yield
    except passed:
        raise
    except DestinationNotEmpty as error:
        raise BadSweep(
            f"dest {error.dest!r} is not empty and does not hold results of this sweep: choose another dest, for"
            " example ~/results/{{ run_id }} for one folder per run, or set force=True to fetch into it as it is"
        ) from None
    except UserError as error:
        raise BadSweep(str(error)) from None
