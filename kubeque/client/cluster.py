"""The part of the client that concerns the configuration and the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from kubeque.client.connection import Connection
from kubeque.clusters.open import Access, open_hosted
from kubeque.jobs.inspection import doctor
from kubeque.jobs.inspection.doctor import Finding
from kubeque.jobs.inspection.metrics import make_registry
from kubeque.jobs.upkeep import control, observers
from kubeque.jobs.upkeep.observers import Observer
from kubeque.model.config.config import Config

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from kubeque.clusters.gke.cluster import GkeCluster


class ClusterMethods(Connection):
    """Methods of the client that check the configuration, and that start and stop its cluster."""

    @staticmethod
    def check(config: Config, *, only_cluster: bool = False) -> Iterator[Finding]:
        """Check the queue, stores, cluster, disk and open jobs of a configuration. Yield each finding.

        `only_cluster`: True to check only the cluster.
        """
        return doctor.check_cluster(config) if only_cluster else doctor.check(config)

    @staticmethod
    def fixes(config: Config) -> str:
        """Return the shell commands that grant missing permissions on the cluster; empty if none is missing.

        Nothing is changed. Raises ConfigError, ClusterError.
        """
        return doctor.find_fixes(config)

    def metrics(self) -> CollectorRegistry:
        """Return a registry of prometheus_client that reads the queue at each collection. Raises MissingExtra."""
        return make_registry(self._backends)

    def check_store(self) -> None:
        """Raise UserError or StorageError if results cannot be written."""
        self._backends.files.check_writable(self.config.default_url_prefix)

    @staticmethod
    def hosting(
        config: Config, *, access: Access | None = None, tell: Callable[[str, float], None] | None = None
    ) -> GkeCluster:
        """Return the cluster of `config`, to start, resize and stop it. Raises ConfigError if it is not hosted.

        `tell`: function that is called during a long operation, with its name and the seconds since its start.
        """
        return open_hosted(config, access=access, tell=tell)

    def start_hint(self) -> str:
        """Return a message that names what the user must start before consumers can run.

        Return an empty string if nothing is known to be missing.
        """
        return self._backends.cluster.start_hint

    def stop(self) -> int:
        """End the consumers of the cluster and return their number.

        The unfinished tasks wait. The stop uses none of their extra attempts.
        """
        return control.stop_consumers(self._backends)

    def observers(self) -> list[Observer]:
        """Return the programs that wait for open jobs. These programs start consumers again after a stop."""
        return observers.find_observers(self._backends)
