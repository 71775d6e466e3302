"""The identity of this Airflow among all Airflows that share a queue. An Airflow Variable stores the identity."""

from __future__ import annotations

import sys
from typing import Any

from kubeque_provider.airflow_versions import base_url

#: Name of the Airflow Variable with the identity.
VARIABLE = "kubeque_deployment"
_DESCRIPTION = (
    "Identity of this Airflow on the queues of kubeque, made by the first task that submitted a sweep. It is part of"
    " the names of jobs: with another value, earlier sweeps are not found."
)
_TASK_RUNNER = "airflow.sdk.execution_time.task_runner"


class _NotKept(Exception):
    """The Variable can neither be read nor be created. The message is the reason."""


def read_deployment() -> str:
    """Return the identity of this Airflow from the Variable.

    If the Variable is missing, return the address of this Airflow.
    """
    kept = _read()
    return base_url() if kept is None else kept


def keep_deployment() -> tuple[str, str]:
    """Return the identity of this Airflow, and the reason why no Variable stores it.

    The reason is empty if a Variable stores the identity.

    If the Variable is missing, it is created with the address of this Airflow. Several processes can do this at the
    same time: they write the same value, or use the value that was written last. If the Variable cannot be stored, the
    returned identity is the address.
    """
    kept = _read()
    if kept is not None:
        return kept, ""
    try:
        _create(base_url())
        kept = _read()
    except _NotKept as error:
        return base_url(), str(error)
    except Exception as error:  # the message may contain a login
        return base_url(), type(error).__name__
    return (base_url(), "the Variable was written, and cannot be read") if kept is None else (kept, "")


def describe_problem(problem: str, deployment: str, conn_id: str) -> str:
    """Return a warning that the identity cannot be stored, with a remedy. `problem`: reason from `keep_deployment`."""
    return (
        f"the Airflow Variable {VARIABLE} cannot be stored ({problem}), so the address {deployment!r} is the identity"
        " of this Airflow: with another base_url, earlier sweeps are not found. Create the Variable with this address,"
        f" or set the address as `deployment` in the connection {conn_id}"
    )


def _is_worker_of_airflow_3() -> bool:
    """True in a process of Airflow 3 that can reach Airflow's database only through its supervisor."""
    return getattr(sys.modules.get(_TASK_RUNNER), "SUPERVISOR_COMMS", None) is not None


def _read() -> str | None:
    try:
        if _is_worker_of_airflow_3():
            from airflow.sdk import Variable

            found: Any = Variable.get(VARIABLE, default=None)
        else:
            from airflow.models import Variable as StoredVariable

            found = StoredVariable.get(VARIABLE, default_var=None)  # noqa: AIR311
    except Exception:  # no permission, or no answer from Airflow: the caller continues with the address
        return None
    return None if found is None else str(found)


def _create(value: str) -> None:
    """Create the Variable with a value. An existing Variable is not changed. Raises _NotKept if Airflow refuses."""
    if not _is_worker_of_airflow_3():
        _insert(value)
        return
    from airflow.sdk import Variable

    if _is_missing():
        Variable.set(VARIABLE, value, description=_DESCRIPTION)


def _insert(value: str) -> None:
    from airflow.models import Variable
    from airflow.utils.session import create_session
    from sqlalchemy.exc import IntegrityError

    try:
        with create_session() as session:
            session.add(Variable(key=VARIABLE, val=value, description=_DESCRIPTION))  # type: ignore[no-untyped-call]  # noqa: AIR311
    except IntegrityError:  # another process has created it
        return


def _is_missing() -> bool:
    """True if Airflow answers that the Variable does not exist. Raises _NotKept if Airflow refuses or cannot answer.

    `Variable.get` cannot distinguish these cases, because it returns the default in each of them. A following
    `Variable.set` could then overwrite an existing Variable.
    """
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import GetVariable
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    try:
        answer: Any = SUPERVISOR_COMMS.send(GetVariable(key=VARIABLE))
        error = getattr(answer, "error", None)
    except AirflowRuntimeError as refused:
        error = refused.error.error
    if error is None or error == ErrorType.VARIABLE_NOT_FOUND:
        return error is not None
    raise _NotKept(str(getattr(error, "value", error)))
