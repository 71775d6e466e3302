"""The configuration: locations of queue, files and consumers, and the default resources of a task."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kubeque.lazy_dataclass import dataclass
from kubeque.model.config.config_file import KEYS, NUMBERS, ON_LOCAL, SIZES, ValueReader, hide_password, read_file
from kubeque.model.config.gke_defaults import gke_defaults
from kubeque.model.config.trust import check_trusted, trust
from kubeque.model.errors import ConfigError, UserError
from kubeque.model.quantities import format_bytes
from kubeque.model.user_paths import current_folder, expand_home

FILE_NAME = ".kubeque"
HOME_VARIABLE = "KUBEQUE_HOME"
_DATA = "~/.local/share/kubeque"
#: Default values by key, for the keys with another default than None or "".
_DEFAULTS: Mapping[str, Any] = {"local_ssd_count": 0, "on_local": ON_LOCAL[0]}


@dataclass(frozen=True, slots=True, repr=False)
class Config:
    """One configuration, checked and complete. Create it with `load` or `from_values`.

    The fields are the keys of the file, except `home` and `source`. A missing key without a default is None or "".
    """

    #: URL of the queue: `sqlite:///FILE`, `postgresql://...` or `datastore://PROJECT`.
    queue_url: str
    #: Location of results: a folder or a URL such as `gs://BUCKET/results`.
    default_url_prefix: str
    #: Location of content-addressed inputs: a folder or a URL.
    cas_url_prefix: str
    #: Location of consumers: `local`, or a Kubernetes cluster as a URL such as `kubernetes://CONTEXT/NAMESPACE`.
    cluster_url: str
    #: Google Cloud project.
    project: str
    #: Name of the GKE cluster.
    cluster_name: str
    #: Zone or region of the GKE cluster.
    location: str
    #: Kubernetes namespace of the consumers.
    namespace: str
    #: Kubernetes service account of the consumers.
    service_account: str
    #: Machine type of new nodes.
    machine_type: str
    #: Size of the boot disk of a new node, for example `100Gi`.
    node_disk_size: int | None
    #: Number of local SSDs of a new node.
    local_ssd_count: int
    #: Image of the pods that run tasks.
    default_image: str
    #: Image with the consumer's software, from which pods copy it.
    consumer_image: str
    #: Number of cores of a task, for example `0.5`, `500m` or `2`.
    default_resource_cpu: float | None
    #: Memory of a task, for example `512Mi` or `1.5Gi`.
    default_resource_memory: int | None
    #: Disk of a task, for example `10Gi`.
    default_resource_disk: int | None
    #: Number of consumers of a job.
    consumers: int | None
    #: GPU devices of one machine, separated by commas, for example `0,1`; empty for all devices that nvidia-smi lists.
    gpus: str
    #: Effect on one machine of options that only pods have: `tell` names the options, and `refuse` refuses the sweep.
    on_local: str
    #: Folder of the default queue and store: $KUBEQUE_HOME or ~/.local/share/kubeque.
    home: Path
    #: The file that was read; None without a file.
    source: Path | None

    @classmethod
    def load(
        cls,
        start: Path | None = None,
        home: Path | None = None,
        environ: Mapping[str, str] = os.environ,
        explicit: Path | None = None,
    ) -> Config:
        """Return the configuration of a user with the current folder `start` and the home folder `home`.

        `explicit`: file to read. If it is None, read `.kubeque` in `start` (default: the current folder). If this file
        does not exist, read `.kubeque` in `home` (default: ~). Without a file, return the default configuration.
        `environ`: environment variables.

        Raises ConfigError for a wrong file, with the file and the key. Also raises ConfigError if `explicit` does not
        exist, or if another user can change the `.kubeque` in `start`.
        """
        home = _home_folder(environ) if home is None else home.absolute()
        start = _current_folder(home) if start is None else start.absolute()
        if explicit is not None:
            path = start / expand_home(explicit)
            return cls.from_values(read_file(path), where=path, folder=path.parent, home=home, environ=environ)
        for folder in (start, home):
            path = folder / FILE_NAME
            if os.path.isfile(path):  # False, too, if the user has no access to the folder
                if folder != home:
                    check_trusted(path, data_folder(start, home, environ))
                return cls.from_values(read_file(path), where=path, folder=folder, home=home, environ=environ)
        return cls.from_values({}, where="the defaults", folder=start, home=home, environ=environ)

    @classmethod
    def from_values(
        cls,
        values: Mapping[str, str],
        *,
        where: Path | str,
        folder: Path,
        home: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Config:
        """Return the configuration for `values`, a dict from key to text. An empty text counts as a missing key.

        `where`: origin of the values in messages: the path of a file, or a text. A path becomes the field `source`.
        `folder`: folder where relative paths start. `home`: folder that `~` means. Raises ConfigError.
        """
        reader = ValueReader(str(where), folder, _home_folder(environ) if home is None else home)
        reader.check_keys(values)
        found: dict[str, Any] = {key: None if key in NUMBERS else "" for key in KEYS} | dict(_DEFAULTS)
        for key, text in values.items():
            if text.strip():
                found[key] = reader.read(key, text.strip())
        data = reader.resolve(environ.get(HOME_VARIABLE) or _DATA)
        found |= {key: value for key, value in _derive(found, data).items() if not found[key]}
        return cls(**found, home=Path(data), source=where if isinstance(where, Path) else None)

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as a dict for JSON. Sizes are in bytes, and passwords are replaced by `***`."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {key: _hide_if_text(value) for key, value in values.items()}

    def describe(self) -> str:
        """Return a text with one line for each key that has a value. Passwords are replaced by `***`."""
        lines = [f"read from {self.source}" if self.source else f"no {FILE_NAME} file: the default"]
        for key in KEYS:
            value = getattr(self, key)
            if value not in (None, ""):
                lines.append(f"{key} = {format_bytes(value) if key in SIZES else _hide_if_text(value)}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Return a text without passwords, because the text can appear in logs and tracebacks."""
        return f"Config({', '.join(f'{key}={value!r}' for key, value in self.as_dict().items())})"


def _hide_if_text(value: Any) -> Any:
    return hide_password(str(value)) if isinstance(value, str | Path) else value


def _derive(found: Mapping[str, Any], home: str) -> dict[str, str]:
    """Return the default values that depend on the values of other keys, as a dict by key.

    `found`: values of the file; "" or None for a missing key. `home`: folder of the default queue and store.
    """
    prefix = found["default_url_prefix"]
    derived = {
        "queue_url": default_queue_url(home),
        "default_url_prefix": f"{home}/results",
        # Inputs are below the results, so that users with access to the results have access to the inputs. The folder
        # `.cas` is never that of a job, because no job has a name with a leading dot.
        "cas_url_prefix": f"{prefix}/.cas" if prefix else f"{home}/cas",
        "cluster_url": "local",
    }
    if found["project"]:
        derived |= gke_defaults(
            found["project"], found["location"], found["cluster_name"], prefix=prefix, cluster_url=found["cluster_url"]
        )
    return derived


def data_folder(start: Path, home: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of kubeque's data: $KUBEQUE_HOME or ~/.local/share/kubeque. `start`: the current folder."""
    return Path(ValueReader("the environment", start, home).resolve(environ.get(HOME_VARIABLE) or _DATA))


def trust_file(folder: Path, environ: Mapping[str, str] = os.environ) -> tuple[Path, str]:
    """Trust the present `.kubeque` file of a folder. Return the path and SHA-256 of the file. Raises ConfigError."""
    path, home = folder.absolute() / FILE_NAME, _home_folder(environ)
    return path, trust(path, data_folder(_current_folder(home), home, environ))


def default_queue_url(home: Path | str) -> str:
    """Return the URL of the default queue. `home`: folder of kubeque's data."""
    return f"sqlite:///{quote(str(home))}/queue.db"


def _current_folder(home: Path) -> Path:
    """Return the current folder. If it was deleted, return `home`: most commands do not need the current folder."""
    try:
        return current_folder()
    except UserError:
        return home


def _home_folder(environ: Mapping[str, str]) -> Path:
    """Return the home folder of the user, or $KUBEQUE_HOME if the user has no home folder.

    Raises ConfigError if KUBEQUE_HOME is also missing, or is a relative path.
    """
    try:
        return Path.home()
    except RuntimeError as error:
        if os.path.isabs(environ.get(HOME_VARIABLE, "")):
            return Path(environ[HOME_VARIABLE])
        raise ConfigError(
            f"this user has no home folder ({error}): set HOME or {HOME_VARIABLE} to a folder with write access"
        ) from error
