"""Read the Kubernetes version of a cluster, and check that kubeque supports this version."""

from __future__ import annotations

from kubeque.clusters.kubernetes.api import KubernetesApi
from kubeque.model.errors import UserError

#: The first Kubernetes version that can mount images, and the oldest supported version.
_IMAGE_VOLUMES = (1, 36)
_OLDEST = (1, 33)


class ServerVersion:
    """The version of one API server. It is requested only once."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._number: tuple[int, int] | None = None

    def check(self) -> None:
        """Raise UserError if the cluster is older than the oldest supported version."""
        if self._read() < _OLDEST:
            raise UserError(
                f"the cluster {self._api.context or 'here'} is Kubernetes {'.'.join(map(str, self._read()))}:"
                f" kubeque needs {'.'.join(map(str, _OLDEST))} or later"
            )

    @property
    def mounts_images(self) -> bool:
        """True if pods can mount an image as a volume."""
        return self._read() >= _IMAGE_VOLUMES

    def _read(self) -> tuple[int, int]:
        if self._number is None:
            version = self._api.get("/version")
            self._number = int(version["major"]), int("".join(c for c in version["minor"] if c.isdigit()))
        return self._number
