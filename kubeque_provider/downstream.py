"""Find out whether an Airflow task downstream of a submission waits for its job or reads its results.

A worker has the whole DAG of the DAG file, so these functions give an answer while the task runs. A sensor does not
wait for the job if the sensor's `job_id` refers only to other submissions: it is the output of another submission, or a
text with the name or the task id of another submission. Every other sensor downstream counts as waiting for the job.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubeque_provider.airflow_versions import XComArg, read_task_states, task_key, try_number
from kubeque_provider.templating import has_jinja

#: Roles of an operator, which are the values of its attribute `sweep_role`: it submits a job, releases the held rows of
#: a job, waits for a job, or reads the results of a job.
SUBMITS, RELEASES, WAITS, READS = "submits", "releases", "waits", "reads"
#: States of an Airflow task that has ended. If a user clears only an upstream task, the task keeps such a state.
_OUTCOMES = frozenset({"success", "failed", "skipped", "upstream_failed"})


def has_sensor(submit: Any) -> bool:
    """True if a sensor anywhere downstream of the operator `submit` waits for the job that `submit` submits."""
    return any(_is_for(task, submit) for task in _downstream(submit) if _is(task, WAITS))


def has_reader(submit: Any) -> bool:
    """True if an operator anywhere downstream of `submit` reads the results of the job that `submit` submits."""
    return any(_is_for(task, submit) for task in _downstream(submit) if _is(task, READS))


def has_release(submit: Any) -> bool:
    """True if an operator anywhere downstream of `submit` releases the held rows of the job that `submit` submits."""
    return any(_is_for(task, submit) for task in _downstream(submit) if _is(task, RELEASES))


def find_settled(submit: Any, context: Any) -> list[str]:
    """Return the ids of the job's downstream sensors and readers that have already ended in this DAG run.

    Their outcomes are from an earlier try of the operator `submit`. If a user cleared `submit` without its downstream
    tasks, these tasks do not run again. On the first try of `submit`, return an empty list. If this version of Airflow
    does not report the states, Airflow's error is raised unchanged.
    """
    dag_id, run_id, _, map_index = task_key(context)
    names = [task.task_id for task in _downstream(submit) if _is(task, WAITS, READS) and _is_for(task, submit)]
    if not names or try_number(context) == 1:
        return []
    states = read_task_states(dag_id, run_id, names)

    def is_settled(name: str) -> bool:
        own = [states[key] for key in (f"{name}_{map_index}", name) if key in states][:1]
        mapped = [state for key, state in states.items() if key.rpartition("_")[0] == name]
        return any(state in _OUTCOMES for state in own or mapped)

    return [name for name in names if is_settled(name)]


def has_sensor_upstream(reader: Any) -> bool:
    """True if a sensor is anywhere upstream of `reader`, an operator that reads the results of a job."""
    return any(_is(task, WAITS) for task in _downstream(reader, "upstream_task_ids"))


def has_submit_upstream(task: Any, name: str) -> bool:
    """True if a submit operator with `name` as its argument `job_id` is anywhere upstream of the operator `task`."""
    upstream = _downstream(task, "upstream_task_ids")
    return any(_is(other, SUBMITS) and _argument(other, "job_id") == name for other in upstream)


def _downstream(task: Any, direction: str = "downstream_task_ids") -> Iterator[Any]:
    """Yield all operators downstream of an operator, as the DAG file defines them. Mapped operators are not expanded.

    `direction`: attribute of an operator with the ids of its neighbours; "upstream_task_ids" yields all operators
    upstream.
    """
    dag = task.get_dag()
    left, seen = [task.task_id] if dag is not None else [], set[str]()
    while left:
        for task_id in getattr(dag.task_dict[left.pop()], direction) - seen:
            seen.add(task_id)
            left.append(task_id)
            yield dag.task_dict[task_id]


def _is(task: Any, *roles: str) -> bool:
    """True if an operator has one of these roles. A mapped operator has the roles of its `operator_class`."""
    made_of = getattr(task, "operator_class", None)
    return bool(getattr(made_of if isinstance(made_of, type) else task, "sweep_role", "") in roles)


def _is_for(task: Any, submit: Any) -> bool:
    """True if the argument `job_id` of an operator can refer to the job of the submit operator."""
    makers = _makers(_argument(task, "job_id"), submit.get_dag(), {task.task_id})
    return makers is None or submit.task_id in makers


def _makers(job_id: Any, dag: Any, seen: set[str]) -> set[str] | None:
    """Return the ids of the submit operators to which `job_id` can refer; None if it can refer to any of them.

    `seen`: ids of the operators that were already followed.
    """
    if isinstance(job_id, str):
        return _named(job_id, [task for task in dag.task_dict.values() if _is(task, SUBMITS)])
    found = set[str]()
    references = [task for task, _ in XComArg.iter_xcom_references(job_id)]
    for task in references:
        if _is(task, SUBMITS):
            found.add(task.task_id)
            continue
        # Other operators of kubeque return the pointer that they received as `job_id`.
        argument = _argument(task, "job_id")
        behind = None if argument is None or task.task_id in seen else _makers(argument, dag, seen | {task.task_id})
        if behind is None:
            return None
        found |= behind
    return found if references else None


def _named(text: str, submits: Iterable[Any]) -> set[str] | None:
    """Return the ids of the submit operators to which a text refers; None if unknown.

    The text is their `job_id`, or a template that contains their task ids.
    """
    submits = list(submits)
    if same := {task.task_id for task in submits if _argument(task, "job_id") == text}:
        return same
    if not has_jinja(text):
        # The text is not a generated name. But an operator can have a template as `job_id` that is rendered to this
        # text.
        return {task.task_id for task in submits if _is_template(_argument(task, "job_id"))}
    return {task.task_id for task in submits if f"'{task.task_id}'" in text or f'"{task.task_id}"' in text} or None


def _is_template(value: Any) -> bool:
    return value is not None and (not isinstance(value, str) or has_jinja(value))


def _argument(task: Any, name: str) -> Any:
    """Return an argument of an operator.

    If the argument is mapped, return the values over which the operator is mapped.
    """
    partial = getattr(task, "partial_kwargs", None)
    if partial is None:
        return getattr(task, name, None)
    if name in partial:
        return partial[name]
    mapped = getattr(task.expand_input, "value", None)
    return mapped.get(name) if isinstance(mapped, Mapping) else mapped
