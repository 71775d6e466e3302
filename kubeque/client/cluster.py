"""The part of the client that concerns the configuration and the cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

from kubeque.client.connection import Connection
from kubeque.clusters.in_pod import become_with_queue
from kubeque.clusters.open import Access, open_hosted
from kubeque.jobs.inspection import doctor
from kubeque.jobs.inspection.doctor import Finding
from kubeque.jobs.inspection.metrics import make_registry
from kubeque.jobs.inspection.work import Wanted, WorkChoice, count_wanted, list_work, make_offer
from kubeque.jobs.upkeep import control, observers
from kubeque.jobs.upkeep.observers import Observer
from kubeque.model.config.config import Config
from kubeque.model.sweep.offer import Offer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from kubeque.clusters.gke.cluster import GkeCluster


class ClusterMethods(Connection):
    """Methods of the client that check the configuration, and that start and stop its cluster."""

    @staticmethod
    def check(config: Config, *, only_cluster: bool = False) -> Iterator[Finding]:
        """Check the queue, stores, cluster, disk and open jobs of a configuration. Yield the result of each check.

        `only_cluster`: True to check only the cluster.
        """
        return doctor.check_cluster(config) if only_cluster else doctor.check(config)

    @staticmethod
    def fixes(config: Config) -> str:
        """Return the shell commands with which a user can grant missing permissions on the cluster.

        Return an empty text if no permission is missing. This method itself changes nothing. Raises ConfigError,
        ClusterError.
        """
        return doctor.find_fixes(config)

    def metrics(self) -> CollectorRegistry:
        """Return a registry of prometheus_client that reads the queue at each collection. Raises MissingExtra."""
        return make_registry(self._backends)

    @staticmethod
    def offer(
        cpu: float | None, memory: int | None, *, tags: Sequence[str] = (), jobs: str = "*",
        seconds: float | None = None,
    ) -> Offer:  # fmt: skip
        """Return what this machine offers to jobs of `kubeque work`.

        `cpu`, `memory`: cores and bytes for all tasks together; None for all of the machine. `tags`: names of what the
        machine has. `jobs`: pattern of job names. `seconds`: time until the consumers leave. Raises UserError if `cpu`
        or `memory` is more than the machine has, or if consumers cannot run on this machine.
        """
        return make_offer(cpu, memory, tags=tags, jobs=jobs, seconds=seconds)

    @staticmethod
    def list_work(config: Config, offer: Offer) -> list[WorkChoice]:
        """Return the open jobs of the configured queue that allow consumers of `kubeque work`. Raises QueueError."""
        return list_work(config.queue_url, offer)

    @staticmethod
    def work(config: Config, offer: Offer, consumers: int, linger_seconds: float) -> NoReturn:
        """Become the program of `kubeque work`: run tasks of the configured queue on this machine.

        `consumers`: number of tasks that run at once. `linger_seconds`: time without a task after which a consumer
        leaves. This process is replaced and keeps its pid.
        """
        words = [
            sys.executable, "-m", "kubeque.consumer.work", "--offer", offer.to_json(), "--consumers", str(consumers),
            "--linger", str(linger_seconds),
        ]  # fmt: skip
        become_with_queue(words, config.queue_url)

    def wanted(self, name: str) -> Wanted:
        """Return how many consumers a job wants now, and the size of one consumer."""
        return count_wanted(self._backends, name)

    def check_store(self) -> None:
        """Raise UserError or StorageError if results cannot be written to the configured store."""
        self._backends.files.check_writable(self.config.default_url_prefix)

    @staticmethod
    def hosting(
        config: Config, *, access: Access | None = None, tell: Callable[[str, float], None] | None = None
    ) -> GkeCluster:
        """Return the GKE cluster of `config`, which kubeque can create, resize and delete.

        `tell`: function that is called during a long operation, with the name of the operation and the seconds since
        its start. Raises ConfigError for a cluster that is not on GKE.
        """
        return open_hosted(config, access=access, tell=tell)

    def start_hint(self) -> str:
        """Return a message about what the user must start before consumers can run.

        On this machine, the message usually says that nothing must be started. For a Kubernetes cluster, the message is
        empty.
        """
        return self._backends.cluster.start_hint

    def stop(self) -> int:
        """End the consumers of the cluster and return the number of these consumers.

        Their unfinished tasks become pending again, without using an extra attempt. If the queue does not answer,
        each running task in a pod uses one extra attempt.
        """
        return control.stop_consumers(self._backends)

    def observers(self) -> list[Observer]:
        """Return the programs that wait for open jobs. After `stop`, these programs start consumers again."""
        return observers.find_observers(self._backends)
