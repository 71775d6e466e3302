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
    """The DAG asks for something that might not work. The message says what to change."""


class BadSweep(AirflowFailException):
    """The DAG asks for something that cannot work. Airflow does not retry. Correct the DAG, then clear the task."""


class BadArgument(BadSweep, ValueError):
    """An argument of an operator or sensor cannot work. This is detected while the DAG is parsed."""


class SweepFailed(AirflowException):
    """The sweep ended without success. The message lists failed rows.

    The next try runs the failed rows again, except rows that failed through their own fault.
    """


class RowsFailed(SweepFailed, AirflowFailException):
    """All failed rows failed through their own fault (exit, signal or timeout), or results of a failed sweep were read.

    Airflow does not retry.
    """


class SweepKilled(SweepFailed):
    """The sweep was killed before all rows had run."""


@contextmanager
def permanent(*passed: type[UserError]) -> Iterator[None]:
    """Convert a UserError in this block (a bad file, an unknown column, no such job) to BadSweep.

    `passed`: types of UserError to raise unchanged, because the caller handles them.
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
