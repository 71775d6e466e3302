"""The function that `@task.kubeque` returns for a DAG file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeque.model.function.function import check_source
from kubeque_provider.airflow_versions import TaskFunction
from kubeque_provider.decorators.function import KubequeFunctionOperator
from kubeque_provider.exceptions import BadSweep, permanent


class SweptFunction(TaskFunction[Any, Any, Any]):
    """A function that `@task.kubeque` decorates.

    The job calls it for each row, so Airflow must not map it over columns of the rows.
    """

    def _validate_arg_names(self, func: Any, kwargs: dict[str, Any]) -> None:
        swept = [name for name in kwargs if name in _columns(self.kwargs)]
        if swept:
            raise BadSweep(
                f"{self.function.__name__}.{func}({swept[0]}=...): the rows in parameters already have the "
                f"column {swept[0]!r}: put all values of {swept[0]!r} into the rows"
            )
        super()._validate_arg_names(func, kwargs)


def _columns(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns of the rows that are known while the DAG is parsed.

    The columns of a file or an XCom are unknown.
    """
    named, parameters = arguments.get("columns"), arguments.get("parameters")
    if isinstance(named, list | tuple):
        return tuple(map(str, named))
    if isinstance(parameters, list | tuple) and parameters and isinstance(parameters[0], dict):
        return tuple(parameters[0])
    columns = getattr(parameters, "columns", ()) if not hasattr(parameters, "resolve") else ()
    return tuple(map(str, columns))


def kubeque_task(python_callable: Any = None, multiple_outputs: bool = False, **kwargs: Any) -> Any:
    """Return `python_callable` as a function that runs for each row of a sweep; without it, return the decorator.

    Each call of the function in the job returns the result of one row. A dict is one result: it is not split into
    several XComs. Raises BadSweep if the source of the function cannot be submitted.
    """

    def decorate(function: Any) -> Any:
        with permanent():
            check_source(function)
        return SweptFunction(
            function=function, multiple_outputs=multiple_outputs, operator_class=KubequeFunctionOperator, kwargs=kwargs
        )

    if python_callable is None:
        return decorate
    if not callable(python_callable):
        raise TypeError("@task.kubeque takes named arguments only")
    return decorate(python_callable)
