"""The checks of an operator while its DAG is parsed: what can never run is an error of the import.

Values that only a task knows, such as templates and outputs of Airflow tasks, are left to the task.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kubeque_provider.arguments import argument_values, check_values
from kubeque_provider.exceptions import permanent
from kubeque_provider.parsing.files import warn_of_files
from kubeque_provider.parsing.known import is_known_argument
from kubeque_provider.parsing.warn import warn


def check_parsed(operator: Any) -> None:
    """Raise BadSweep for an argument that can never work, and warn of what may not.

    Airflow makes a mapped operator again when its task runs, with values that are data: these are left out here.
    """
    if not getattr(operator, "_BaseOperator__from_mapped", False):
        check_class(type(operator), argument_values(operator), operator.task_id, operator.get_dag(), operator.params)


def check_class(
    kind: Any, values: Mapping[str, Any], task_id: str, dag: Any, params: Collection[str] = ()
) -> None:  # fmt: skip
    """Do the same for the class of an operator.

    `values`: its arguments by name. `params`: names of Airflow's params.
    """
    with permanent():
        check_values(kind, values, known=partial(is_known_argument, kind))
        if (check := getattr(kind, "check_known", None)) is not None:
            check({name: value for name, value in values.items() if is_known_argument(kind, name, value)})
        if (check := getattr(kind, "check_whole", None)) is not None:
            check(values, dag, params)
    if dag is not None and "command" in values:
        warn_of_files(values, Path(dag.folder), partial(warn, dag, task_id))
