"""The checks that need a whole DAG. Airflow calls them after parsing a DAG, through the entry point `airflow.policy`.

Airflow loads this module in each of its processes, so other modules are imported only for a DAG that needs them.
"""

from __future__ import annotations

import sys
from typing import Any

from airflow.policies import hookimpl

_PROVIDER = "kubeque_provider."


@hookimpl
def dag_policy(dag: Any) -> None:
    """Raise AirflowClusterPolicyViolation for a mapped operator that can never run. Warn of likely mistakes."""
    if not any(name.startswith(_PROVIDER + "operators.") for name in sys.modules):
        return
    tasks = [task for task in dag.tasks if _class(task).__module__.startswith(_PROVIDER)]
    if tasks:
        from kubeque_provider.plugins.whole_dag import check_dag

        check_dag(dag, tasks)


def _class(task: Any) -> type:
    """Return the class of an operator. For a mapped operator, return the class that it is mapped from."""
    found = getattr(task, "operator_class", type(task))
    return found if isinstance(found, type) else type(task)
