"""The places that a job touches: its queue, its files and its cluster."""

from __future__ import annotations

from dataclasses import dataclass

from kubeque.clusters.base import Cluster
from kubeque.clusters.open import open_cluster
from kubeque.files.store import Files
from kubeque.model.config import Config
from kubeque.model.job import Job
from kubeque.model.spec import JobSpec
from kubeque.queues.open import open_queue
from kubeque.queues.queue import Queue


@dataclass(frozen=True)
class Site:
    """What the functions of this package work with."""

    config: Config
    queue: Queue
    files: Files
    cluster: Cluster

    @classmethod
    def open(cls, config: Config) -> Site:
        """Connect to all of it. Raises ConfigError, QueueError, ClusterError."""
        cluster = open_cluster(config.cluster_url, home=config.home, queue_url=config.queue_url)
        return cls(config, open_queue(config.queue_url), Files(), cluster)

    def spec(self, job: Job) -> JobSpec:
        """The spec in force. Raises StorageError."""
        return JobSpec.from_wire(self.files.read_json(job.spec_url))

    def close(self) -> None:
        self.queue.close()
