"""Types of `@task.kubeque`: `kubeque_task` is the same decorator, and type checkers know its arguments."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar, overload

from airflow.sdk.bases.decorator import Task

from kubeque_provider.hooks.kubeque import OnClear

__all__ = ["kubeque_task"]

R = TypeVar("R")

# What is decorated takes any arguments: those that the call leaves out come from the rows.
@overload
def kubeque_task(python_callable: Callable[..., R]) -> Task[..., R]: ...
@overload
def kubeque_task(
    *,
    multiple_outputs: bool = False,
    python: str = "python3",
    parameters: Any = None,
    job_id: str | None = None,
    cpu: str | float | None = None,
    memory: str | int | None = None,
    max_memory: str | int | None = None,
    disk: str | int | None = None,
    image: str | None = None,
    env: Mapping[str, str] | None = None,
    cluster: str | None = None,
    env_from_secret: Sequence[str] | None = None,
    gpu: int | None = None,
    volumes: Sequence[str] | None = None,
    service_account: str | None = None,
    node_selector: Mapping[str, str] | None = None,
    tolerations: Sequence[str | Mapping[str, Any]] | None = None,
    spot: bool | None = None,
    spot_patience: str | float | None = None,
    priority_class: str | None = None,
    kueue_queue: str | None = None,
    kueue_priority: str | None = None,
    image_pull_secrets: Sequence[str] | None = None,
    keeper: str | None = None,
    start_timeout: str | float | None = None,
    pod_template: Mapping[str, Any] | None = None,
    push: Sequence[str] = (),
    results: Sequence[str] = (),
    ignore: Sequence[str] = (),
    consumers: int | None = None,
    priority: int = 0,
    task_timeout: str | float | None = None,
    retry_causes: Mapping[str, int] | None = None,
    max_failures: int | None = None,
    allow_failed: str | int = 0,
    shell: bool = False,
    missing: str | None = None,
    series: str | None = None,
    skip_done: bool = False,
    results_ttl: str | float | None = None,
    wait: bool = True,
    deferrable: bool = ...,
    poke_interval: float = 5.0,
    cancel_on_kill: bool = True,
    orphan_after: timedelta | float | None = ...,
    on_clear: OnClear = "auto",
    kubeque_conn_id: str = ...,
    **kwargs: Any,
) -> Callable[[Callable[..., R]], Task[..., R]]: ...
