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
    """The DAG contains something that might not work. The message says what to change."""


class BadSweep(AirflowFailException):
    """The DAG contains something that cannot work. Airflow does not retry.

    Correct the DAG, then clear the Airflow task.
    """


class BadArgument(BadSweep, ValueError):
    """An argument of an operator or sensor cannot work. This error is raised while the DAG is parsed."""


class SweepFailed(AirflowException):
    """The sweep ended without success. The message lists failed rows.

    A retry by Airflow runs the failed rows again, except rows that failed with the cause exit, signal or timeout.
    """


class RowsFailed(SweepFailed, AirflowFailException):
    """A retry cannot help, so Airflow does not retry.

    Either all failed rows failed with the cause exit, signal or timeout, or an Airflow task has read the results of a
    failed sweep.
    """


class SweepKilled(SweepFailed):
    """The sweep was killed before all rows had run."""


@contextmanager
def permanent(*passed: type[UserError]) -> Iterator[None]:
    """Convert a UserError that the `with` block raises to BadSweep, for example for a bad file or a missing job.

    `passed`: types of UserError that are raised unchanged, because the caller handles them.
    """
    try:
        with speaking(AIRFLOW):
            yield
    except passed:
        raise
    except DestinationNotEmpty as error:
        raise BadSweep(
            f"dest {error.dest!r} is not empty and does not hold results of this sweep: choose another dest, for"
            " example ~/results/{{ run_id }}, with {{ ti.map_index }} in a mapped Airflow task, or set force=True to"
            " fetch into this dest and keep its other files"
        ) from None
    except UserError as error:
        raise BadSweep(str(error)) from None
