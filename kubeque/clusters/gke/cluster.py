"""A cluster on GKE: create it with its bucket, database and accounts, change its node pools, and delete it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

from kubeque.clusters.gke.api import Gke, Tell
from kubeque.clusters.gke.credentials import Login
from kubeque.clusters.gke.messages import ClusterSeen, PoolSeen, create_line, gcloud, pool_line, workload_pool
from kubeque.clusters.gke.project import GoogleProject, Part, with_services
from kubeque.clusters.gke.service_accounts import Accounts
from kubeque.clusters.kubernetes.api import Address, KubernetesApi
from kubeque.clusters.kubernetes.cluster import KubernetesCluster
from kubeque.clusters.kubernetes.manifests.keeper_manifest import ACCOUNT as KEEPER
from kubeque.lazy_dataclass import dataclass
from kubeque.model.config.config import Config
from kubeque.model.config.node_pools import STANDARD, NodePool, NodeRange
from kubeque.model.errors import ClusterRefused, ConfigError, UserError

_FORM = "write gke://PROJECT/LOCATION/NAME or gke://PROJECT/LOCATION/NAME/NAMESPACE, with - for an unknown location"
_DEFAULT_ACCOUNT = "default"


@dataclass(frozen=True, slots=True)
class GkeCluster:
    """One cluster on GKE, identified by its name. The cluster need not exist."""

    gke: Gke
    url: str
    namespace: str
    config: Config
    login: Login

    @classmethod
    def open(cls, url: str, config: Config, *, login: Login | None = None, tell: Tell | None = None) -> GkeCluster:
        """Return the cluster at `gke://PROJECT/LOCATION/NAME[/NAMESPACE]`. Sends no request. Raises ConfigError.

        `tell`: function that is called during a long operation, with the operation's name and the seconds since the
        start.
        """
        parts = [unquote(part) for part in url.removeprefix("gke://").split("/")]
        if not 3 <= len(parts) <= 4 or not all(parts):
            raise ConfigError(f"cluster_url {url!r}: {_FORM}")
        project, location, name = parts[:3]
        login = login or Login()
        gke = Gke(project, "" if location == "-" else location, name, login, tell=tell)
        return cls(gke, url, parts[3] if len(parts) > 3 else config.namespace or "default", config, login)

    def kubernetes_cluster(self) -> KubernetesCluster:
        """Return the Kubernetes cluster in which consumers run.

        Its address is requested from Google before the first request to the cluster.
        """
        return KubernetesCluster(self._kubernetes(), self.config, self.namespace, url=self.url)

    # ------------------------------------------------------------------ start and stop
    def start(self, pools: Sequence[NodePool], *, asked: bool) -> Iterator[Part]:
        """Create the missing parts of the cluster and of its project. Yield a `Part` for each part, missing or not.

        `pools`: node pools of a new cluster. `asked`: True if the user chose these pools. Raises ConfigError if the
        location is unknown. Raises ClusterError if Google refuses a request or does not answer.
        """
        seen = self.gke.find()
        if not self.gke.location:
            raise ConfigError(
                f"the project {self.gke.project} has no cluster {self.gke.name!r}, and its location is unknown: set"
                " location in .kubeque to a region such as europe-west1 or a zone such as europe-west1-b"
            )
        project = GoogleProject(self.gke.project, self.gke.location, self.login)
        yield from project.parts(self._bucket(), self._database())
        made, part = self._ensure_cluster(seen, pools, asked)
        yield part
        if made is None or not part.ok:
            return
        if not made.workload_pool:
            line = gcloud(
                "container", "clusters", "update", made.name, f"--project={self.gke.project}",
                f"--location={made.location}", f"--workload-pool={workload_pool(self.gke.project)}",
            )  # fmt: skip
            yield Part("identity", False, f"{made.name} was created without workload identity", line)
            return
        yield from self._accounts(project, made.workload_pool)

    def _accounts(self, project: GoogleProject, pool: str) -> Iterator[Part]:
        """Create the service accounts of consumers and keepers, and let them act as the Google service account.

        Yield a `Part` for each step. `pool`: workload identity pool.
        """
        consumers = self.config.service_account or _DEFAULT_ACCOUNT
        for account in (consumers, KEEPER):
            yield project.identity(pool, self.namespace, account)
        accounts = Accounts(self._kubernetes(), self.namespace, project.account)
        yield accounts.consumers(consumers)
        yield accounts.keeper()

    def _ensure_cluster(
        self, seen: ClusterSeen | None, pools: Sequence[NodePool], asked: bool
    ) -> tuple[ClusterSeen | None, Part]:
        if seen is not None:
            seen = self.gke.wait_until_created()
            text = f"{self.gke} runs: {seen.describe()}"
            text += "; its pools stay as they are: see kubeque pool and kubeque resize" if asked else ""
            return seen, Part("cluster", True, f"{text}; {seen.message}" if seen.message else text)
        try:
            seen = self.gke.create(pools)
        except ClusterRefused as error:
            if error.status != 403:
                raise
            lines = [create_line(self.gke.project, self.gke.location, self.gke.name, pools[0])]
            lines += [pool_line(self.gke.project, self.gke.location, self.gke.name, pool) for pool in pools[1:]]
            return None, Part(
                "cluster", False, f"{self.gke} is missing ({error})",
                with_services(self.gke.project, error, " && ".join(lines)),
            )  # fmt: skip
        return seen, Part("cluster", True, f"{self.gke} was created: {seen.describe()}")

    def stop(self) -> None:
        """Delete the cluster with all its nodes. The bucket and the queue stay.

        Raises ConfigError if the cluster does not exist.
        """
        self.gke.get()
        self.gke.delete()

    # ------------------------------------------------------------------ pools
    def pools(self) -> tuple[PoolSeen, ...]:
        """Return the node pools. Raises ConfigError if the cluster does not exist."""
        return self.gke.get().pools

    def add_pool(self, pool: NodePool) -> PoolSeen:
        """Add a node pool, and return it as Google reports it. Raises UserError if a pool with this name exists."""
        seen = self.gke.get()
        if any(had.pool.name == pool.name for had in seen.pools):
            raise UserError(f"the pool {pool.name!r} exists: choose another name, or use kubeque pool resize")
        self.gke.add_pool(pool, len(seen.zones) or 1)
        return self._pool(pool.name)

    def remove_pool(self, name: str) -> None:
        """Remove a pool with its nodes.

        Raises UserError if the pool does not exist, or if it is the last pool without spot machines. The programs of
        the cluster itself need such a pool.
        """
        had = self._pool(name)
        if not any(other.pool.name != name and not other.pool.spot for other in self.pools()) and not had.pool.spot:
            raise UserError(
                f"{name!r} is the last pool without spot machines, and a cluster needs one: add another pool first"
            )
        self.gke.remove_pool(name)

    def resize(self, name: str, nodes: NodeRange) -> PoolSeen:
        """Set the number of nodes of a pool, and return the pool.

        `name`: name of the pool; empty for the standard pool. If there is no standard pool, an empty name means the
        only pool without spot machines. Raises UserError if the pool does not exist or is not unique.
        """
        had = self._pool(name or self._standard())
        self.gke.set_nodes(had.pool.name, nodes, zones=had.zones, scaled=not had.pool.nodes.fixed)
        return self._pool(had.pool.name)

    def _standard(self) -> str:
        names = [seen.pool.name for seen in self.pools() if not seen.pool.spot]
        if STANDARD in names or len(names) == 1:
            return STANDARD if STANDARD in names else names[0]
        raise UserError(f"the cluster has several pools: choose one of {', '.join(names)} with --pool")

    def _pool(self, name: str) -> PoolSeen:
        pools = self.pools()
        for seen in pools:
            if seen.pool.name == name:
                return seen
        raise UserError(f"the pool {name!r} does not exist: use one of {', '.join(found.pool.name for found in pools)}")

    # ------------------------------------------------------------------ bucket, database, API server
    def _bucket(self) -> str:
        parts = urlsplit(self.config.default_url_prefix)
        return parts.netloc if parts.scheme in ("gs", "gcs") else ""

    def _database(self) -> str | None:
        scheme, _, rest = self.config.queue_url.partition("://")
        project, _, more = rest.partition("/")
        return more.partition("/")[0] if scheme == "datastore" and project == self.gke.project else None

    def _kubernetes(self) -> KubernetesApi:
        return KubernetesApi.at(self._address, context=self.gke.name, namespace=self.namespace)

    def _address(self) -> Address:
        seen = self.gke.get()
        return Address(f"https://{seen.endpoint}", base64.b64decode(seen.certificate), self.login.token)
