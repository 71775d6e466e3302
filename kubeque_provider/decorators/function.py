"""The operator of `@task.kubeque`. It submits the source of a function as the command of a sweep."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from kubeque.mapping import with_function
from kubeque.model.errors import CommandError
from kubeque.model.function.function import function_files, source_folder
from kubeque.model.sweep.sweep import Sweep
from kubeque_provider.airflow_versions import KNOWN_CONTEXT_KEYS, get_unique_task_id, is_mapped
from kubeque_provider.exceptions import BadSweep
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.parsing.calls import check_call, find_given
from kubeque_provider.parsing.checks import check_parsed
from kubeque_provider.parsing.known import is_output
from kubeque_provider.parsing.sweeps import check_sweep

_TEMPLATED = tuple(field for field in KubequeSubmitOperator.template_fields if field != "command")


class KubequeFunctionOperator(KubequeSubmitOperator):
    """Run a Python function for every row of `parameters`. Arguments that the call leaves out come from the row.

    Returns the pointer {job_id, conn_id, results, counts}. The columns `out.*` of the job's table contain the values
    that the function returned.
    """

    template_fields: Sequence[str] = (*_TEMPLATED, "op_args", "op_kwargs", "python")
    template_fields_renderers = {"parameters": "json", "env": "json", "op_args": "py", "op_kwargs": "py"}  # noqa: RUF012
    shallow_copy_attrs: Sequence[str] = ("python_callable",)
    custom_operator_name = "@task.kubeque"
    calls_function = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        task_id: str,
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        python: str = "python3",
        **kwargs: Any,
    ) -> None:
        """Take the arguments of KubequeSubmitOperator, and one more:

        `python`: command that starts the Python interpreter on the machine where the rows run.
        """
        if "command" in kwargs:
            raise BadSweep(
                "@task.kubeque has no argument 'command': leave 'command' out, because the function is the command"
            )
        if not is_mapped(self):
            task_id = get_unique_task_id(task_id, kwargs.get("dag"), kwargs.get("task_group"))
        super().__init__(task_id=task_id, command=(), **kwargs)
        self.python_callable = python_callable
        self.op_args = op_args or ()
        self.op_kwargs = op_kwargs or {}
        self.python = python
        #: Folder of the function's script. It exists, and the Airflow context is set, while `execute` runs.
        self._folder: Path | None = None
        self._context: Mapping[str, Any] = {}
        check_parsed(self)

    @classmethod
    def check_whole(cls, values: Mapping[str, Any], dag: Any, params: Collection[str]) -> None:
        """Raise UserError if the sweep can never run, or if the call of its function can never work.

        `values`: arguments, keyed by name. `dag`: the DAG; None if unknown. `params`: names of Airflow's params.
        """
        rows = check_sweep(cls, values, dag, params)
        args, named = values.get("op_args") or (), values.get("op_kwargs") or {}
        if not is_output(args) and not is_output(named):
            check_call(values["python_callable"], args, named, rows)

    def execute(self, context: Any) -> dict[str, Any]:
        """Submit the sweep, and wait for its job like KubequeSubmitOperator. Return the pointer.

        Raises BadSweep or SweepFailed. Raises AirflowSkipException if there are no rows and `on_empty` is "skip".
        """
        with tempfile.TemporaryDirectory(prefix="kubeque-") as folder:
            self._folder, self._context = Path(folder), context
            return super().execute(context)

    def _sweep(self, name: str, series: str) -> Sweep:
        assert self._folder is not None
        sweep = super()._sweep(name, series)
        made = function_files(self.python_callable, sweep.rows, self._constants(sweep.rows.columns))
        return with_function(sweep, made, self.python, self._folder)

    def _script_folders(self) -> list[Path]:
        return [*super()._script_folders(), source_folder(self.python_callable)]

    def _constants(self, columns: Collection[str]) -> dict[str, Any]:
        """Return the arguments that are the same for all rows, keyed by name.

        They come from the call and from Airflow's context.

        Raises CommandError if an argument is also a column, or if a value of the context cannot be sent to the rows.
        """
        function, name = self.python_callable, self.python_callable.__name__
        given = find_given(function, self.op_args, self.op_kwargs)
        for argument in inspect.signature(function).parameters:
            if argument not in KNOWN_CONTEXT_KEYS or argument in given:
                continue
            if argument in columns:
                raise CommandError(
                    f"{name}: {argument!r} is a column of the rows and also a name of Airflow's context: rename the"
                    " column"
                )
            given[argument] = _check_scalar(self._context.get(argument), argument, name)
        return given


def _check_scalar(value: Any, argument: str, name: str) -> Any:
    if isinstance(value, str | int | float | None):
        return value
    raise CommandError(
        f"{name}: Airflow's context value {argument!r} cannot be sent to the rows: pass a plain value in the call, for "
        f"example {name}(day='{{{{ ds }}}}')"
    )
