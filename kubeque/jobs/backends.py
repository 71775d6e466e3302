"""Open the backends of one configuration: its queue, its store and its cluster."""

from __future__ import annotations

from dataclasses import field

from kubeque.clusters.base import Cluster
from kubeque.clusters.open import Access, open_cluster
from kubeque.files.layout import spec_url
from kubeque.files.spec_file import read_spec
from kubeque.files.store import LARGE_PIECES, Files
from kubeque.lazy_dataclass import dataclass
from kubeque.model.config.config import Config
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.recently_used import RecentlyUsed
from kubeque.queues.open import open_queue
from kubeque.queues.queue import Queue

#: Maximum number of specs in the cache.
_SPECS = 50


@dataclass(frozen=True)
class Backends:
    """The queue, the files and the cluster of one configuration."""

    config: Config
    queue: Queue
    files: Files
    #: Cluster of new jobs. An existing job can have a different cluster: see `cluster_of`.
    cluster: Cluster
    _clusters: dict[str, Cluster] = field(default_factory=dict)
    _specs: RecentlyUsed[tuple[str, str], JobSpec] = field(default_factory=lambda: RecentlyUsed(_SPECS))
    _access: Access | None = None

    @classmethod
    def open(cls, config: Config, access: Access | None = None) -> Backends:
        """Connect to the queue, the store and the cluster of `config`.

        `access`: logins for clusters and the store; None means the logins of this user.

        Raises ConfigError, QueueError, ClusterError.
        """
        cluster = open_cluster(config.cluster_url, config, access)
        cluster.prepare()
        known = {config.cluster_url: cluster}
        files = Files(pieces=LARGE_PIECES, private=config.home, login=access.store if access else None)
        return cls(config, open_queue(config.queue_url), files, cluster, known, _access=access)

    def spec(self, job: Job) -> JobSpec:
        """Return the spec of the present revision of `job`. Read it from the store only if it is not in the cache.

        Raises FileMissing, FileDamaged, StorageError.
        """
        return self._specs.get((job.uid, spec_url(job)), lambda: read_spec(self.files, job))

    def cluster_of(self, job: Job) -> Cluster:
        """Return the cluster to which a job was submitted. The spec of the job names the cluster.

        Raises StorageError, ConfigError.
        """
        url = self.spec(job).cluster
        if url == self.cluster.url:
            return self.cluster
        if url not in self._clusters:
            self._clusters[url] = open_cluster(url, self.config, self._access)
        return self._clusters[url]

    def close(self) -> None:
        self.queue.close()
