"""Write and read the stored spec of a job. Each revision has its own spec.

Before a spec is used, it is compared with its digest in the queue.
"""

from __future__ import annotations

import hashlib
import json

from kubeque.files.layout import spec_url
from kubeque.files.store import Files
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec

#: Largest size of a spec, bytes. It suffices for a million files that depend on the row.
SPEC_BYTES = 256 << 20


def write_spec(files: Files, job: Job, spec: JobSpec) -> str:
    """Store the spec of the job's current revision, and return the SHA-256 (hex) of the file. Raises StorageError."""
    data = json.dumps(spec.to_wire()).encode()
    files.write(spec_url(job), data)
    return hashlib.sha256(data).hexdigest()


def read_spec(files: Files, job: Job, revision: int | None = None) -> JobSpec:
    """Return the spec of a revision (default: the current revision).

    Raises FileMissing if there is no such file. Raises FileDamaged if the digest differs from the digest in the queue,
    or if types are wrong. Raises StorageError if the store fails.
    """
    digest = job.spec_hash(job.revision if revision is None else revision)
    return read_spec_file(files, spec_url(job, revision), digest)


def read_spec_file(files: Files, url: str, digest: str = "") -> JobSpec:
    """Return the spec at `url`. Raises the errors of `read_spec`.

    `digest`: SHA-256 (hex) of the file; empty if unknown.
    """
    return files.read_as(url, JobSpec.from_wire, SPEC_BYTES, digest=digest)
