"""Generate Python code: the sweep arguments of the Airflow operators, and the types of `@task.kubeque`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from kubeque.model.sweep.option import Option
from kubeque.model.sweep.options import OPTIONS

_MADE = "Made by `make docs` from kubeque/model/sweep/options.py: change the table there."
ARGUMENTS: tuple[Option, ...] = tuple(option for option in OPTIONS if option.operator)
#: Types of defaults that a stub can repeat.
_LITERALS = (str, int, float, bool, tuple, type(None))

_ARGUMENTS_HEAD = f'''"""The sweep arguments of the operators that submit.

{_MADE}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from kubeque_provider.airflow_versions import BaseOperator


class SweepArgumentsOperator(BaseOperator):
    """Take the arguments that describe a sweep (see docs/operators.md). None means kubeque's default."""

    template_fields: Sequence[str] = (
'''
_STUB_HEAD = f'''"""Types of `@task.kubeque`: the decorator `kubeque_task` with the types of its arguments.

{_MADE}
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar, overload

from airflow.sdk.bases.decorator import Task

from kubeque_provider.empty_sweep import OnEmpty
from kubeque_provider.hooks.kubeque import OnClear

__all__ = ["kubeque_task"]

R = TypeVar("R")

# A call of the decorated function can leave out any argument. The rows provide the missing arguments.
@overload
def kubeque_task(python_callable: Callable[..., R]) -> Task[..., R]: ...
@overload
def kubeque_task(
    *,
    multiple_outputs: bool = False,
'''


def sweep_arguments_module() -> str:
    """Return kubeque_provider/operators/sweep_arguments.py."""
    lines = [f'        "{option.name}",' for option in ARGUMENTS if option.templated]
    lines += ["    )", "", "    def __init__(", "        self,", "        *,"]
    lines += [f"        {option.name}: {option.kind.annotation} | None = None," for option in ARGUMENTS]
    lines += ["        **kwargs: Any,", "    ) -> None:", "        super().__init__(**kwargs)"]
    lines += [f"        self.{option.name} = {option.name}" for option in ARGUMENTS]
    return _ARGUMENTS_HEAD + "\n".join(lines) + "\n"


def decorator_stub() -> str:
    """Return kubeque_provider/decorators/kubeque.pyi."""
    from kubeque_provider.decorators.function import KubequeFunctionOperator
    from kubeque_provider.operators.submit import KubequeSubmitOperator
    from kubeque_provider.operators.sweep_arguments import SweepArgumentsOperator

    arguments: dict[str, str] = {}
    for operator in (KubequeFunctionOperator, KubequeSubmitOperator, SweepArgumentsOperator):
        for parameter in own_parameters(operator):
            arguments.setdefault(parameter.name, _declaration(parameter))
    for name in ("command", "python_callable", "task_id", "op_args", "op_kwargs"):
        arguments.pop(name, None)
    lines = [*arguments.values(), "    **kwargs: Any,", ") -> Callable[[Callable[..., R]], Task[..., R]]: ..."]
    return _STUB_HEAD + "\n".join(lines) + "\n"


def own_parameters(operator: type[Any]) -> Iterator[inspect.Parameter]:
    """Yield the arguments that a class itself declares. `**kwargs` is left out."""
    if "__init__" not in vars(operator):
        return
    for parameter in inspect.signature(operator.__init__).parameters.values():
        if parameter.name != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            yield parameter


def _declaration(parameter: inspect.Parameter) -> str:
    default = repr(parameter.default).replace("'", '"') if _is_literal(parameter) else "..."
    return f"    {parameter.name}: {parameter.annotation} = {default},"


def _is_literal(parameter: inspect.Parameter) -> bool:
    # These defaults are computed on import, from the Airflow configuration or from a constant.
    computed = parameter.name in ("deferrable", "orphan_after", "kubeque_conn_id")
    return isinstance(parameter.default, _LITERALS) and not computed
