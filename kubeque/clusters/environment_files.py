"""The environments of submitters, stored in `$KUBEQUE_HOME/environments`: one file for each revision of a local job.

A second file of a revision contains the folder and the `push` options from which the inputs of the revision were found.
Only the user can read these files, because they can contain passwords. Their contents are never written to a spec, a
bucket, a report or a message.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kubeque.clusters.home_folder import open_private
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ClusterError, EnvironmentGone
from kubeque.model.job.inherited_environment import Environment
from kubeque.model.job.job import Job
from kubeque.model.wording import command

#: Folder of the environments below the home folder.
ENVIRONMENTS = "environments"
_NAME = re.compile(r"([a-z0-9]+)-(\d+)(\.sources)?\.json")


@dataclass(frozen=True, slots=True)
class KeptEnvironment:
    """A stored file of one revision: its environment, or the sources of its inputs."""

    path: Path
    #: uid of the job.
    uid: str
    #: Id of the queue of the job; empty if the file cannot be read.
    queue: str
    bytes: int
    #: Unix time of the last change, in seconds.
    modified: float


class Environments:
    """The stored environments below one home folder."""

    def __init__(self, home: Path) -> None:
        self._folder = home / ENVIRONMENTS

    def path(self, job: Job, revision: int | None = None) -> Path:
        """Return the path of the environment of a revision (default: the present revision). The file need not exist."""
        return self._folder / f"{job.uid}-{job.revision if revision is None else revision}.json"

    def write(self, job: Job, environment: Environment, *, queue: str) -> None:
        """Store the environment of the present revision of a job. Raises ClusterError.

        `queue`: id of the queue of the job.
        """
        self._write(self.path(job), {"queue": queue, **environment.to_wire()})

    def write_sources(self, job: Job, content: Mapping[str, Any], *, queue: str) -> None:
        """Store `content`, the sources of the inputs of the present revision of a job. Raises ClusterError."""
        self._write(self.path(job).with_suffix(".sources.json"), {"queue": queue, **content})

    def read_sources(self, job: Job) -> Any:
        """Return the content that `write_sources` stored.

        Raises ClusterError if the file cannot be read. Raises ValueError if the file is damaged.
        """
        path = self.path(job).with_suffix(".sources.json")
        try:
            return json.loads(path.read_bytes())
        except OSError as error:
            raise ClusterError(f"{path} cannot be read: {error.strerror}") from error

    def _write(self, path: Path, content: Mapping[str, Any]) -> None:
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        # JSON in ASCII can contain the lone surrogates that stand for bytes outside UTF-8. UTF-8 cannot encode them.
        text = json.dumps(content)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(partial, "x", encoding="ascii", opener=open_private) as file:
                file.write(text)
            os.replace(partial, path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise ClusterError(f"the environment cannot be kept in {self._folder}: {error.strerror}") from error

    def read(self, job: Job, revision: int | None = None) -> Environment:
        """Return the environment of a revision (default: the present revision).

        Raises EnvironmentGone if the file is missing or damaged. Raises ClusterError if the file cannot be read.
        """
        path = self.path(job, revision)
        try:
            return Environment.from_wire(json.loads(path.read_bytes()))
        except FileNotFoundError as error:
            raise _gone(job, f"there is no {path}") from error
        except (ValueError, AttributeError, RecursionError) as error:
            raise _gone(job, f"{path} is damaged") from error
        except OSError as error:
            raise ClusterError(f"the environment {path} cannot be read: {error.strerror}") from error

    def remove(self, uid: str) -> None:
        """Delete all stored files of the job `uid`. `kubeque gc` later deletes files that cannot be deleted now."""
        for kept in self.kept():
            if kept.uid == uid:
                with suppress(OSError):
                    kept.path.unlink(missing_ok=True)

    def kept(self) -> Iterator[KeptEnvironment]:
        """Yield all stored files of all jobs."""
        with suppress(OSError):
            for path in sorted(self._folder.iterdir()):
                if found := _NAME.fullmatch(path.name):
                    with suppress(OSError):
                        status = path.stat()
                        yield KeptEnvironment(path, found[1], _queue_of(path), status.st_size, status.st_mtime)


def this_environment() -> dict[str, str]:
    """Return the variables of this process. Bytes that are not UTF-8 become lone surrogates in any locale."""
    return {_decode(name): _decode(value) for name, value in os.environb.items()}


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def this_umask() -> int:
    """Return the umask of this process."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_bytes().splitlines():
            if line.startswith(b"Umask:"):
                return int(line.split()[1], 8)
    umask = os.umask(0o077)  # Python can read the umask only by changing it, and other threads may see the change
    os.umask(umask)
    return umask


def _gone(job: Job, reason: str) -> EnvironmentGone:
    return EnvironmentGone(
        f"the environment in which {job.name} was submitted is gone ({reason}):"
        f" {command('reset', job.name, 'update')} runs its rows in the present environment"
    )


def _queue_of(path: Path) -> str:
    try:
        return str(json.loads(path.read_bytes())["queue"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
