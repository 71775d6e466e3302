"""The inputs that stored specs name."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from itertools import chain

from kubeque.files.inputs.cache_folder import digest_of
from kubeque.files.layout import is_spec, is_uid, job_folder_url
from kubeque.files.parallel import SMALL_READS, in_parallel
from kubeque.files.spec_file import read_spec, read_spec_file
from kubeque.files.urls import join
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.gc_lock import users
from kubeque.model.errors import StorageError
from kubeque.model.job.job import Job
from kubeque.model.job.spec import Input, JobSpec

log = logging.getLogger(__name__)


def job_folders(backends: Backends, prefix: str) -> Iterator[str]:
    """Yield the URL of each folder `{name}/{uid}` below a results prefix."""
    for name in backends.files.entries(prefix):
        if name.folder and join(prefix, name.name) != backends.config.cas_url_prefix:
            for uid in backends.files.entries(join(prefix, name.name)):
                if uid.folder and is_uid(uid.name):
                    yield job_folder_url(prefix, name.name, uid.name)


def used_digests(backends: Backends, gone: Collection[str]) -> set[str]:
    """Return the digests (`digest_of`) of the inputs that any stored spec names. Job folders in `gone` are skipped.

    Specs of jobs that are not in the queue yet, and of jobs of other queues, are read, too. Raises StorageError.
    """

    def digests(url: str) -> set[str]:
        return {digest_of(item) for item in _inputs(read_spec_file(backends.files, url))}

    prefixes = dict.fromkeys([backends.config.default_url_prefix, *(prefix for prefix, _ in users(backends))])
    folders = (folder for prefix in prefixes for folder in job_folders(backends, prefix) if folder not in gone)
    specs = chain.from_iterable(_specs_in(backends, folder) for folder in folders)
    return set().union(*in_parallel(digests, specs, threads=SMALL_READS))


def inputs_of_folders(backends: Backends, folders: Collection[str]) -> list[Input]:
    """Return the inputs that the specs of all revisions in these job folders name. Unreadable specs are left out."""
    found: list[Input] = []
    for folder in folders:
        try:
            for url in _specs_in(backends, folder):
                found += _inputs(read_spec_file(backends.files, url))
        except StorageError as error:
            log.info("%s: its inputs are unknown: %s", folder, error)
    return found


def needed_digests(backends: Backends, wanted: Collection[str]) -> set[str]:
    """Return those of the digests `wanted` that a job of the queue names. Specs that cannot be read are left out."""

    def digests(job: Job) -> set[str]:
        try:
            return {digest for item in _inputs(read_spec(backends.files, job)) if (digest := digest_of(item)) in wanted}
        except StorageError as error:
            log.info("%s: its inputs are unknown: %s", job.name, error)
            return set()

    return set().union(*in_parallel(digests, backends.queue.list_jobs().jobs, threads=SMALL_READS))


def _specs_in(backends: Backends, folder: str) -> Iterator[str]:
    return (join(folder, entry.name) for entry in backends.files.entries(folder) if is_spec(entry.name))


def _inputs(spec: JobSpec) -> list[Input]:
    return [*spec.inputs, *spec.row_inputs.values()]
