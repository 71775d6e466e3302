"""The sweep arguments of the operators that submit.

Made by `make docs` from kubeque/model/sweep/options.py: change the table there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from kubeque_provider.airflow_versions import BaseOperator


class SweepArgumentsOperator(BaseOperator):
    """Take the arguments that describe a sweep (see docs/operators.md). None means kubeque's default."""

    template_fields: Sequence[str] = (
        "push",
        "results",
        "ignore",
        "env",
        "consumers",
        "priority",
        "run_on",
        "series",
        "results_ttl",
        "cpu",
        "memory",
        "max_memory",
        "disk",
        "task_timeout",
        "cluster",
        "image",
        "env_from_secret",
        "service_account",
        "node_selector",
        "pod_template",
    )

    def __init__(
        self,
        *,
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
    ) -> None:
        super().__init__(**kwargs)
        self.push = push
        self.results = results
        self.ignore = ignore
        self.env = env
        self.shell = shell
        self.consumers = consumers
        self.priority = priority
        self.run_on = run_on
        self.series = series
        self.skip_done = skip_done
        self.results_ttl = results_ttl
        self.cpu = cpu
        self.memory = memory
        self.max_memory = max_memory
        self.disk = disk
        self.gpu = gpu
        self.task_timeout = task_timeout
        self.deadline = deadline
        self.retry_causes = retry_causes
        self.max_failures = max_failures
        self.allow_failed = allow_failed
        self.lease = lease
        self.results_wait = results_wait
        self.cluster = cluster
        self.image = image
        self.keeper = keeper
        self.spot = spot
        self.spot_patience = spot_patience
        self.start_timeout = start_timeout
        self.env_from_secret = env_from_secret
        self.volumes = volumes
        self.service_account = service_account
        self.node_selector = node_selector
        self.tolerations = tolerations
        self.task_user = task_user
        self.priority_class = priority_class
        self.kueue_queue = kueue_queue
        self.kueue_priority = kueue_priority
        self.image_pull_secrets = image_pull_secrets
        self.pod_template = pod_template
