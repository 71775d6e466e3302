"""Types of `@task.kubeque`: the decorator `kubeque_task` with the types of its arguments.

Made by `make docs` from kubeque/model/sweep/options.py: change the table there.
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
    python: str = "python3",
    parameters: Any = None,
    job_id: str | None = None,
    missing: str | None = None,
    columns: Sequence[str] | None = None,
    canaries: int | None = None,
    render_rows: bool | None = None,
    wait: bool | None = None,
    deferrable: bool | None = ...,
    poke_interval: timedelta | float | None = None,
    cancel_on_kill: bool | None = None,
    orphan_after: timedelta | float | None = ...,
    on_clear: OnClear = "auto",
    on_empty: OnEmpty | None = None,
    retry_failed_rows: bool = False,
    kubeque_conn_id: str = ...,
    push: Sequence[str] | None = None,
    results: Sequence[str] | None = None,
    ignore: Sequence[str] | None = None,
    env: Mapping[str, Any] | None = None,
    shell: bool | None = None,
    consumers: int | None = None,
    priority: int | None = None,
    run_on: str | None = None,
    series: str | None = None,
    skip_done: bool | None = None,
    results_ttl: str | float | timedelta | None = None,
    cpu: str | float | None = None,
    memory: str | int | None = None,
    max_memory: str | int | None = None,
    disk: str | int | None = None,
    gpu: int | None = None,
    task_timeout: str | float | timedelta | None = None,
    deadline: str | float | timedelta | None = None,
    retry_causes: Mapping[str, int] | None = None,
    max_failures: int | None = None,
    allow_failed: str | int | None = None,
    lease: str | float | timedelta | None = None,
    results_wait: str | float | timedelta | None = None,
    cluster: str | None = None,
    image: str | None = None,
    keeper: str | None = None,
    spot: bool | None = None,
    spot_patience: str | float | timedelta | None = None,
    start_timeout: str | float | timedelta | None = None,
    env_from_secret: Sequence[str] | None = None,
    volumes: Sequence[str] | None = None,
    service_account: str | None = None,
    node_selector: Mapping[str, Any] | None = None,
    tolerations: Sequence[str | Mapping[str, Any]] | None = None,
    task_user: int | None = None,
    priority_class: str | None = None,
    kueue_queue: str | None = None,
    kueue_priority: str | None = None,
    image_pull_secrets: Sequence[str] | None = None,
    pod_template: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Callable[[Callable[..., R]], Task[..., R]]: ...
