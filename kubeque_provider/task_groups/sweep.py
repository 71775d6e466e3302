"""The task group `KubequeSweep`: submit a sweep, wait for it, and fetch its results."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from kubeque.model.sweep.options import OPTIONS
from kubeque_provider.airflow_versions import BaseOperator, TaskGroup
from kubeque_provider.arguments import own_arguments
from kubeque_provider.exceptions import BadArgument
from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.go import KubequeGoOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

#: Arguments of the group that are passed to the sensor. All of them are about waiting.
_WAIT = frozenset(
    {"deferrable", "poke_interval", "cancel_on_kill", "orphan_after", "retry_failed_rows", "timeout", "mode"}
)
#: Arguments of the group that are passed to the fetch operator.
_FETCH = frozenset({"force", "indexes", "state", "glob", "allow_failed_rows"})
#: Arguments of KubequeSubmitOperator that the group sets itself.
_SET = frozenset({"task_id", "task_group", "dag", "wait"})


class KubequeSweep(TaskGroup):
    """Submit a sweep, wait for it, and fetch its results: the Airflow tasks `submit`, `wait` and `fetch` in one group.

    With `canaries`, the Airflow task `go` is between `submit` and `wait`: it releases the other rows if all canaries
    are ok.

    The attributes `submit`, `go`, `wait` and `fetch` are the operators. `go` is None without `canaries`, and `fetch` is
    None without `dest`. The attribute `output` is the pointer to the ended job, for operators downstream:
    `job_id=sweep.output`.
    """

    def __init__(
        self,
        group_id: str = "sweep",
        *,
        dest: Any = None,
        default_args: Mapping[str, Any] | None = None,
        tooltip: str = "",
        prefix_group_id: bool = True,
        **kwargs: Any,
    ) -> None:
        """Pass further arguments on to the operators of the group.

        KubequeJobSensor gets `deferrable`, `poke_interval`, `cancel_on_kill`, `orphan_after`, `retry_failed_rows`,
        `timeout` and `mode`. KubequeFetchOperator gets `force`, `indexes`, `state`, `glob` and `allow_failed_rows`.
        KubequeSubmitOperator gets all of its own arguments except `wait`.

        `dest`: Folder outside of the DAG folder, or URL, for the results. None: no results are fetched. With
        `allow_failed_rows=True`, the results are also fetched after a failed sweep.
        `default_args`: Arguments of all operators of the group, for example `{"retries": 2}`.
        """
        _check(group_id, dest, kwargs)
        given: Any = dict(default_args or {})
        super().__init__(group_id=group_id, default_args=given, tooltip=tooltip, prefix_group_id=prefix_group_id)
        wait, fetch = (_take(kwargs, names) for names in (_WAIT, _FETCH))
        with self:
            self.submit = KubequeSubmitOperator(task_id="submit", **kwargs)
            job: Any = self.submit.output
            self.go = None
            if kwargs.get("canaries") is not None:
                self.go = KubequeGoOperator(task_id="go", job_id=job, require_ok=True)
                job = self.go.output
            self.wait = KubequeJobSensor(task_id="wait", job_id=job, **wait)
            self.output = self.wait.output
            self.fetch = None
            if dest is not None:
                # `none_skipped` also runs after a failed sensor, but not after a sweep without rows.
                rule: dict[str, Any] = {"trigger_rule": "none_skipped"} if fetch.get("allow_failed_rows") else {}
                self.fetch = KubequeFetchOperator(task_id="fetch", job_id=self.output, dest=dest, **fetch, **rule)


def _take(arguments: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Remove the arguments with these names from `arguments`, and return them."""
    return {name: arguments.pop(name) for name in sorted(names & arguments.keys())}


def _check(group_id: str, dest: Any, arguments: Mapping[str, Any]) -> None:
    """Raise BadArgument for an argument that the group does not accept.

    The group accepts neither arguments that it sets itself, nor arguments that every Airflow task has. The latter
    belong in `default_args`. Without `dest`, the group also does not accept arguments of the fetch.
    """
    for name in arguments:
        if name in _SET:
            raise BadArgument(f"KubequeSweep({group_id!r}) sets {name!r} itself: leave {name!r} out")
        if dest is None and name in _FETCH:
            raise BadArgument(f"KubequeSweep({group_id!r}): {name!r} has no effect without dest: give dest")
        if name in _airflow_arguments() - _sweep_arguments() - _WAIT - _FETCH:
            raise BadArgument(
                f"KubequeSweep({group_id!r}): {name!r} is an argument of each Airflow task: write"
                f" default_args={{{name!r}: ...}}"
            )


def _airflow_arguments() -> set[str]:
    return set(inspect.signature(BaseOperator.__init__).parameters) - {"self", "kwargs"}


def _sweep_arguments() -> set[str]:
    return {*own_arguments(KubequeSubmitOperator), *(option.name for option in OPTIONS if option.operator)}
