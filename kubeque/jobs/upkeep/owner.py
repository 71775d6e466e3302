"""The owner file of a job's folder. It names the queue of the job, because several queues can share a store."""

from __future__ import annotations

import hashlib
import json
import os
import platform

from kubeque.files.layout import job_folder_url, owner_url, prefix_of
from kubeque.jobs.backends import Backends
from kubeque.model.config.config_file import hide_password
from kubeque.model.errors import FileDamaged, FileMissing
from kubeque.model.job.job import Job

#: Parts of queue URLs that have a different meaning on each machine.
_HERE = ("sqlite:", "memory:", "//localhost", "@localhost", "127.0.0.1", "::1")

#: Largest size of an owner file, bytes.
_OWNER_BYTES = 64 << 10


def queue_id(queue_url: str, host: str, emulator: str = "", identity: str = "") -> str:
    """Return the id by which owner files identify a queue: a digest of the queue's URL and the other arguments.

    `host`: name of this machine; part of the digest only if the URL has a different meaning on each machine.
    `emulator`: address of a Datastore emulator; empty without one. `identity`: random id of the queue; empty before
    kubeque 0.3.
    """
    local = any(part in queue_url for part in _HERE) or bool(emulator)
    told = [hide_password(queue_url), host if local else "", emulator, *([identity] if identity else [])]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def own_queue_id(backends: Backends) -> str:
    """Return the id of the queue of this configuration, as written into the folders of new jobs."""
    return _own(backends, backends.queue.identity.id)


def own_queue_ids(backends: Backends) -> frozenset[str]:
    """Return the ids of the queue of this configuration in owner files.

    A queue that is older than its identity has a second id, which was computed without the identity. A newer queue has
    no second id, because folders with such an id can come from a lost queue with the same URL.
    """
    return frozenset({own_queue_id(backends), *([_own(backends, "")] if backends.queue.identity.older else [])})


def _own(backends: Backends, identity: str) -> str:
    emulator = os.environ.get("DATASTORE_EMULATOR_HOST", "")
    return queue_id(backends.config.queue_url, platform.node(), emulator, identity)


def write_owner(backends: Backends, job: Job) -> None:
    """Write the owner file into the folder of a new job."""
    told = {"job": job.name, "uid": job.uid, "queue": own_queue_id(backends)}
    backends.files.write(owner_url(job.url), json.dumps(told).encode())


def is_ours(backends: Backends, url: str) -> bool:
    """True if the folder at `url` belongs to a job of this queue. False if the owner file is missing or damaged.

    An owner file that names a different folder does not count, because the programs of tasks can copy owner files.
    """
    try:
        told = backends.files.read_json(owner_url(url), _OWNER_BYTES)
    except (FileMissing, FileDamaged):
        return False
    if not isinstance(told, dict) or told.get("queue") not in own_queue_ids(backends):
        return False
    return job_folder_url(prefix_of(url), str(told.get("job")), str(told.get("uid"))) == url
