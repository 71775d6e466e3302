"""A cluster of consumers in Kubernetes pods: at least one Kubernetes Job for each size class with waiting tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote

from kubeque.clusters.base import ConsumerStatus, Permission, SeenObjects, Standstill
from kubeque.clusters.kubernetes import pod_status, scaling
from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.consumer_shares import count_wanted
from kubeque.clusters.kubernetes.kueue import Kueue
from kubeque.clusters.kubernetes.manifests.job_manifest import kubernetes_job
from kubeque.clusters.kubernetes.manifests.pod_manifest import ManifestContext
from kubeque.clusters.kubernetes.object_names import (
    KEEPER,
    LABEL,
    fleet_name,
    fleet_of,
    kubernetes_job_name,
    managed_selector,
    queue_digest,
)
from kubeque.clusters.kubernetes.permissions import Permissions
from kubeque.clusters.kubernetes.queue_secrets import QueueSecrets
from kubeque.clusters.kubernetes.reachability import find_unreachable, has_password
from kubeque.clusters.kubernetes.server_version import ServerVersion
from kubeque.clusters.kubernetes.snapshot import Snapshots
from kubeque.clusters.kubernetes.start_consumers import ConsumerStarter
from kubeque.clusters.kubernetes.start_problems import StartProblems
from kubeque.clusters.kubernetes.stop_consumers import delete_jobs, stop_keepers
from kubeque.model.compatibility.versions import tag_version
from kubeque.model.config.config import Config
from kubeque.model.config.config_file import hide_password
from kubeque.model.errors import ClusterRefused, ConfigError, UserError
from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.counts import Tally
from kubeque.model.job.eviction import Eviction
from kubeque.model.job.job import Job, new_uid
from kubeque.model.job.spec import JobSpec
from kubeque.model.sweep.pod_options import PodOptions
from kubeque.model.wording import option

#: Default number of consumers of a job with at least this number of tasks.
_DEFAULT_CONSUMERS = 10


class KubernetesCluster:
    """The consumers of one queue in one namespace of one cluster."""

    def __init__(self, api: KubernetesApi, config: Config, namespace: str, *, url: str = "") -> None:
        self._api = api
        self._config = config
        self._namespace = namespace
        self._snapshots = Snapshots(api, namespace)
        self._kueue = Kueue(api, namespace)
        self._start_problems = StartProblems(api, namespace, self._kueue)
        self._permissions = Permissions(api, namespace, password=has_password(config.queue_url))
        self._version = ServerVersion(api)
        self._secrets = QueueSecrets(api, namespace, config.queue_url)
        self._starter = ConsumerStarter(api, namespace, self._secrets)
        self._unkept: str | None = None
        self._place: str | None = None
        #: URL with which other processes open this cluster.
        self.url = url or f"kubernetes://{quote(api.context, safe='')}/{namespace}"

    @classmethod
    def open(cls, url: str, config: Config, *, client: Callable[[], Any] | None = None) -> KubernetesCluster:
        """Return the cluster at `kubernetes://CONTEXT/NAMESPACE`. Both parts are optional. Raises ConfigError.

        `client`: function that returns a kubernetes ApiClient; None to read the kubeconfig. With `client`, CONTEXT is
        only a name in messages and URLs.
        """
        rest = url.partition("://")[2]
        context, _, namespace = rest.partition("/")
        if "/" in namespace:
            raise ConfigError(f"cluster {url!r}: write kubernetes://CONTEXT/NAMESPACE, with %2F for a / in a name")
        if client is not None:
            api = KubernetesApi(client, context=unquote(context), namespace="default")
        else:
            api = KubernetesApi.connect(unquote(context))
        return cls(api, config, unquote(namespace) or config.namespace or api.namespace)

    @classmethod
    def inside(cls, url: str, config: Config) -> KubernetesCluster:
        """Return the cluster in which this process runs as a pod. Raises MissingExtra.

        `url`: URL by which other machines reach this cluster.
        """
        return cls(KubernetesApi.in_cluster(), config, config.namespace, url=url)

    # ------------------------------------------------------------------ submission
    def permissions(self) -> list[Permission]:
        return [*self._permissions.own(), *self._permissions.of_keeper()]

    @property
    def runs_images(self) -> bool:
        return True

    def capacity(self, *, gpus: bool = False) -> None:
        """Return None, because each pod has separate resources."""

    @property
    def start_hint(self) -> str:
        return ""

    def prepare(self) -> None:
        """Do nothing, because this cluster needs no files on this machine."""

    def check_own_permissions(self) -> None:
        """Raise ClusterRefused if this account lacks permissions. The message lists the missing permissions."""
        missing = [right.what for right in self._permissions.own() if not right.granted and not right.optional]
        if missing:
            raise ClusterRefused(
                f"the keeper may not {', '.join(missing)}: docs/howto/kubernetes.md has its Role and RoleBinding", 403
            )

    @property
    def consumer_version(self) -> str:
        return tag_version(self._config.consumer_image)

    def why_unkept(self, spec: JobSpec) -> str:
        return "" if PodOptions.read(spec.pod).keeper == "no" else self._why_no_keeper()

    def _why_no_keeper(self) -> str:
        """Return the reason why no keeper can be started; otherwise an empty text. Each instance checks only once."""
        if self._unkept is None:
            self._unkept = self._permissions.why_no_keeper()
        return self._unkept

    def fleet(self, job_name: str, urls: Iterable[str] = ()) -> str:
        return fleet_name(job_name)

    def default_consumers(self, tasks: int) -> int:
        return max(1, min(tasks, _DEFAULT_CONSUMERS))

    def check(self, spec: JobSpec) -> tuple[str, ...]:
        options = PodOptions.read(spec.pod)
        if not spec.image:
            raise UserError(f"the job has no image: set {option('image', 'IMAGE')}, or default_image in .kubeque")
        if not self._config.consumer_image:
            raise UserError(
                "consumer_image is not set: build the image with `make image`, push it, and set consumer_image in"
                " .kubeque to its name"
            )
        config = self._config
        why = find_unreachable(config.queue_url, (config.default_url_prefix, config.cas_url_prefix), options)
        if why:
            raise UserError(why)
        self._version.check()
        self._kueue.check(options)
        warnings = self._dry_run(spec)
        if options.keeper == "yes" and (why := self._why_no_keeper()):
            raise UserError(f"no keeper can be started: {why}; docs/howto/kubernetes.md lists the rights that it needs")
        return tuple(f"the cluster warns: {text}{_remedy(text, options)}" for text in warnings)

    def _dry_run(self, spec: JobSpec) -> list[str]:
        """Send the manifest of a job to the API server for a check, and return the warnings. Nothing is created.

        Only the API server knows all keys of a pod. Raises UserError if the server refuses the manifest.
        """
        warnings: list[str] = []
        trial = Job("trial", new_uid(), 1, "", fleet=fleet_name("trial"), shapes=spec.shapes)
        secret = self._secrets.name_for(kubernetes_job_name(trial.fleet, 0, 1))
        context = self._manifest_context()
        manifest = kubernetes_job(trial, spec, context, size_class=0, generation=1, count=2, queue_secret=secret)
        try:
            self._api.create(
                path("jobs", self._namespace), manifest, warnings=warnings, dryRun="All", fieldValidation="Strict"
            )
            if secret:
                self._secrets.check({**manifest, "metadata": {**manifest["metadata"], "uid": new_uid()}})
        except ClusterRefused as error:
            if "dry run" not in str(error):  # if a webhook supports no dry runs, errors appear only at the creation
                raise UserError(f"the cluster refuses such pods: {error}") from error
        return warnings

    def _manifest_context(self) -> ManifestContext:
        return ManifestContext(
            self._namespace, self._config.consumer_image, hide_password(self._config.queue_url), self._queue_digest,
            image_volumes=self._version.mounts_images, service_account=self._config.service_account,
        )  # fmt: skip

    @property
    def _queue_digest(self) -> str:
        return queue_digest(hide_password(self._config.queue_url))

    # ------------------------------------------------------------------ consumers
    def ensure(self, job: Job, spec: JobSpec, waiting: dict[int, Tally]) -> int:
        snapshot, wanted = self._snapshots.of(job.fleet), count_wanted(job, waiting)
        self._secrets.restore(snapshot)
        if not wanted:
            return 0
        keeper = PodOptions.read(spec.pod).keeper != "no" and not self._why_no_keeper()
        started = self._starter.start(job, spec, self._manifest_context(), snapshot, wanted, keeper=keeper)
        if started:
            self._snapshots.forget(job.fleet)
        return started

    def has_keeper(self, job: Job) -> bool:
        return any(map(pod_status.is_live, self._snapshots.of(job.fleet).keeper_pods))

    def consumers(self, fleet: str) -> list[ConsumerStatus]:
        return pod_status.consumers(self._snapshots.of(fleet).pods)

    def count_running(self) -> int:
        return len(self._running(self._of_queue()))

    def _of_queue(self) -> str:
        """Return the label selector for all objects of this queue in the namespace."""
        return f"{managed_selector()},{LABEL}/queue in ({','.join(self._queue_labels())})"

    def _running(self, selector: str) -> list[pod_status.Pod]:
        """Return the pods of consumers that run or start, among the pods that the label selector selects."""
        pods = self._api.list(path("pods", self._namespace), labelSelector=f"{selector},{LABEL}/class!={KEEPER}")
        return [pod for pod in pods if pod_status.is_live(pod)]

    def fixes(self) -> str:
        return self._permissions.fixes()

    def find_death(self, owner: str) -> Death | None:
        kind, _, rest = owner.partition(":")
        name, _, uid = rest.partition(":")
        fleet = fleet_of(name)
        if kind != "pod" or fleet is None:
            return None
        snapshot = self._snapshots.of(fleet)
        pod = snapshot.pod(uid) or self._find_pod(name, uid)  # the snapshot may be older than the pod
        if pod is not None:
            return pod_status.death_of(pod, time.time())
        if not snapshot.jobs:
            return None  # the fleet may belong to a different cluster
        return Death(
            Cause.PREEMPTED, None, "the pod of the consumer does not exist: it was deleted, or lost with its node"
        )

    def _find_pod(self, name: str, uid: str) -> pod_status.Pod | None:
        pod = self._api.find(path("pods", self._namespace, name))
        return pod if pod is not None and pod["metadata"]["uid"] == uid else None

    def objects(self, job: Job, *, fresh: bool = False) -> SeenObjects:
        """Return the Kubernetes Jobs of the job's consumers, except those that are being deleted."""
        if fresh:
            self._snapshots.forget(job.fleet)
        jobs = [j for j in self._snapshots.of(job.fleet).jobs if not j["metadata"].get("deletionTimestamp")]
        finished = frozenset(str(j["metadata"]["name"]) for j in jobs if scaling.is_over(j))
        return SeenObjects(frozenset(str(j["metadata"]["name"]) for j in jobs) - finished, finished)

    def place(self) -> str:
        """Return the uid of the service account `default`, which Kubernetes creates together with the namespace.

        Return an empty text if this account may not read service accounts.
        """
        if self._place is None:
            try:
                account = self._api.find(path("serviceaccounts", self._namespace, "default"))
            except ClusterRefused:  # this account may not read service accounts
                account = None
            self._place = str(account["metadata"]["uid"]) if account else ""
        return self._place

    def evictions(self, job: Job) -> list[Eviction]:
        return pod_status.evictions(self._snapshots.of(job.fleet).pods, time.time())

    def standstill(self, job: Job) -> Standstill:
        return self._start_problems.of(self._snapshots.of(job.fleet), time.time())

    def finish(self, job: Job, *, removed: bool = False) -> None:
        """Delete the Kubernetes Jobs of a job that has ended. `removed`: True if the job was removed."""
        if fleet_of(f"{kubernetes_job_name(job.fleet, 0, 1)}-0-aaaaa") is None:
            return  # the job ran on a different kind of cluster
        # The keeper of a killed job stays, because it closes the job after the consumers have left.
        keeper = f",{LABEL}/class!={KEEPER}" if job.closing is None and not removed else ""
        delete_jobs(self._api, self._namespace, f"{LABEL}/fleet={job.fleet}{keeper}")
        self._snapshots.forget(job.fleet)

    def stop(self) -> int:
        selector = self._of_queue()
        running = self._running(selector)
        stop_keepers(self._api, self._namespace, f"{selector},{LABEL}/class={KEEPER}")
        delete_jobs(self._api, self._namespace, selector)
        return len(running)

    def _queue_labels(self) -> list[str]:
        """Return the label values that mark objects of this queue.

        The value that kubeque 0.2 used is included only if an object has this value. It is derived from the password,
        and the API server logs each request that contains it.
        """
        earlier = queue_digest(self._config.queue_url)
        jobs = self._api.list(path("jobs", self._namespace), labelSelector=managed_selector())
        found = {job["metadata"]["labels"].get(f"{LABEL}/queue") for job in jobs} & {earlier}
        return sorted({self._queue_digest, *found})


def _remedy(warning: str, options: PodOptions) -> str:
    """Return "; " and the remedy for a warning of the API server. Return "" if no remedy is known."""
    if "runAsNonRoot" in warning and not options.task_user:
        return f"; {option('task_user', '1000')} runs the tasks as a user that is not root"
    return ""
