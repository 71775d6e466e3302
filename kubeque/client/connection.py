"""The connection of a client to the backends of a configuration."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from kubeque.clusters.open import Access
from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.reader import Reader
from kubeque.jobs.upkeep.store_watch import StoreWatch
from kubeque.model.config.config import Config
from kubeque.model.job.job import Job
from kubeque.queues.reaper import LeaseWatch


class Connection:
    """A connection to the queue, the files and the cluster of one configuration."""

    def __init__(self, config: Config | None = None, *, access: Access | None = None) -> None:
        """Connect to the queue, files and cluster of `config` (default: the `.kubeque` file, or this machine).

        `access`: logins for clusters and stores (default: the logins of this machine's user). Raises ConfigError,
        ClusterError.
        """
        self.config = config or Config.load()
        self._backends = Backends.open(self.config, access)
        self._watch = LeaseWatch()
        self._store_watch = StoreWatch.of(self._backends)
        #: Reader that never changes a job. Web pages with many visitors use it.
        self.reader = Reader(self._backends)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._backends.close()

    def job(self, name: str) -> Job:
        """Return the job with this name. Raises JobNotFound, JobUnreadable."""
        return self._backends.queue.job(name)

    def exists(self, name: str) -> bool:
        """True if the queue has a job with this name. Raises JobUnreadable."""
        return self._backends.queue.find(name) is not None
