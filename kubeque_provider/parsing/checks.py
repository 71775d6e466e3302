"""The checks of an operator while its DAG is parsed. If an operator can never run, the import of the DAG fails.

Templates and outputs of Airflow tasks are not checked here, because their values are known only when a task runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kubeque_provider.airflow_versions import is_mapped
from kubeque_provider.arguments import argument_values, check_values
from kubeque_provider.exceptions import permanent
from kubeque_provider.parsing.command import warn_of_command
from kubeque_provider.parsing.files import warn_of_files
from kubeque_provider.parsing.known import is_known_argument
from kubeque_provider.parsing.warn import warn


def check_parsed(operator: Any) -> None:
    """Raise BadSweep for an argument that can never work. Warn of files that might be missing.

    When a mapped task runs, Airflow creates its operator again with the mapped values. Such an operator is not checked.
    """
    if not is_mapped(operator):
        check_class(type(operator), argument_values(operator), operator.task_id, operator.get_dag(), operator.params)


def check_class(
    kind: Any, values: Mapping[str, Any], task_id: str, dag: Any, params: Collection[str] = ()
) -> None:  # fmt: skip
    """Raise BadSweep, or warn, as `check_parsed` does. The operator is given by its class and its arguments.

    `kind`: class of the operator. `values`: arguments, keyed by name. `dag`: the DAG; None if unknown. `params`: names
    of Airflow's params.
    """
    with permanent():
        check_values(kind, values, known=partial(is_known_argument, kind))
        if (check := getattr(kind, "check_known", None)) is not None:
            check({name: value for name, value in values.items() if is_known_argument(kind, name, value)})
        if (check := getattr(kind, "check_whole", None)) is not None:
            check(values, dag, params)
    if dag is not None and "command" in values:
        folder, tell = Path(dag.folder), partial(warn, dag, task_id)
        warn_of_files(values, folder, tell)
        warn_of_command(values, folder, tell)
