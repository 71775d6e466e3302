"""The stored spec of a job, one for each revision. It is compared with its digest in the queue before it is used."""

from __future__ import annotations

import hashlib
import json

from kubeque.files.layout import spec_url
from kubeque.files.store import Files
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec

#: Limit of a spec, bytes: a million files that depend on the row.
SPEC_BYTES = 256 << 20


def write_spec(files: Files, job: Job, spec: JobSpec) -> str:
    """Store the spec of the job's present revision, and return the SHA-256 of its bytes. Raises StorageError."""
    data = json.dumps(spec.to_wire()).encode()
    files.write(spec_url(job), data)
    return hashlib.sha256(data).hexdigest()


def read_spec(files: Files, job: Job, revision: int | None = None) -> JobSpec:
    """Return the spec of a revision (default: the present one).

    Raises FileMissing, FileDamaged if the file has another digest than the queue records or wrong types, StorageError.
    """
    digest = job.spec_hash(job.revision if revision is None else revision)
    return read_spec_file(files, spec_url(job, revision), digest)


def read_spec_file(files: Files, url: str, digest: str = "") -> JobSpec:
    """Return the spec at `url`. `digest`: SHA-256 of its bytes, hex; empty if unknown. Raises the errors of
    `read_spec`."""
    return files.read_as(url, JobSpec.from_wire, SPEC_BYTES, digest=digest)
