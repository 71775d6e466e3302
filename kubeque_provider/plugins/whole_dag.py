"""The checks of all kubeque operators of a DAG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.exceptions import AirflowClusterPolicyViolation

from kubeque_provider.arguments import own_arguments
from kubeque_provider.exceptions import BadSweep
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.parsing.checks import check_class
from kubeque_provider.parsing.known import Unknown, is_known
from kubeque_provider.parsing.warn import warn


def check_dag(dag: Any, tasks: Iterable[Any]) -> None:
    """Raise AirflowClusterPolicyViolation for a mapped operator that can never run.

    Warn of a job name that is used twice.
    """
    names: dict[str, str] = {}
    for task in tasks:
        if hasattr(task, "partial_kwargs"):
            _check_mapped(dag, task)
        elif isinstance(task, KubequeSubmitOperator) and isinstance(task.job_id, str) and is_known(task.job_id):
            if task.job_id in names:
                warn(
                    dag, task.task_id,
                    f"job_id {task.job_id!r} is also the job_id of {names[task.job_id]!r}: the second sweep is refused"
                    " while the first sweep runs; give each Airflow task another job_id, or leave job_id out",
                )  # fmt: skip
            names.setdefault(task.job_id, task.task_id)


def _check_mapped(dag: Any, task: Any) -> None:
    mapped = _mapped_values(task)
    if mapped is None:
        return
    values = {**dict(task.partial_kwargs), **mapped}
    if "parameters" in mapped:
        values["render_rows"] = False  # Airflow does not render mapped values
    own = own_arguments(task.operator_class)
    for name in ("parameters", "command"):  # set arguments that are given neither to partial() nor to expand()
        if name in own:
            values.setdefault(name, None if name == "parameters" else Unknown())
    try:
        check_class(task.operator_class, values, task.task_id, dag, task.partial_kwargs.get("params") or ())
    except BadSweep as error:
        hint = ""
        if "parameters" in mapped and "parameters" in str(error):
            hint = "; for one sweep, give all of its rows to parameters without .expand"
        raise AirflowClusterPolicyViolation(f"{dag.dag_id}.{task.task_id}: {error}{hint}") from None


def _mapped_values(task: Any) -> Mapping[str, Any] | None:
    """Return the first value of each mapped argument; None if the names of the mapped arguments are unknown."""
    given = getattr(getattr(task, "op_kwargs_expand_input", None) or task.expand_input, "value", None)
    if not isinstance(given, Mapping):
        return None
    if getattr(task, "op_kwargs_expand_input", None) is not None:
        return {"op_kwargs": Unknown()}
    return {name: _first(values) for name, values in given.items()}


def _first(values: Any) -> Any:
    if isinstance(values, list | tuple) and values and is_known(values[0]):
        return values[0]
    return Unknown()
