"""What is called differently in Airflow 2.11 and 3.x, under one name each."""

from __future__ import annotations

from typing import Any

from airflow import __version__
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    BaseHook,
    BaseOperator,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

__all__ = [
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "BaseHook",
    "BaseOperator",
    "BaseSensorOperator",
    "PokeReturnValue",
    "attempt",
    "base_url",
    "dag_folder",
    "whose",
]

AIRFLOW_2 = __version__.startswith("2.")


def base_url() -> str:
    """The address of this Airflow, as its configuration has it; empty where it has none."""
    section = "webserver" if AIRFLOW_2 else "api"
    return str(conf.get(section, "base_url", fallback="") or "")


def dag_folder(operator: Any) -> str:
    """Folder of the DAG file that `operator` stands in; the current one for an operator without a DAG."""
    dag = operator.get_dag()
    return str(dag.folder) if dag is not None else "."


def whose(context: Any) -> tuple[str, str, str, int]:
    """DAG, run, Airflow task and map index (-1: not mapped) of who runs: the same for every try."""
    ti = context["ti"]
    return str(ti.dag_id), str(ti.run_id), str(ti.task_id), int(getattr(ti, "map_index", -1))


def attempt(context: Any) -> int:
    """Which try this is, from 1; a clear is a new try, a poke in reschedule mode is not."""
    return int(context["ti"].try_number)
