"""Write and read the stored specs of a job. Each revision of a job has its own spec.

When a spec is read, its digest is compared with the digest in the queue.
"""

from __future__ import annotations

import hashlib
import json

from kubeque.files.layout import spec_url
from kubeque.files.store import Files
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec

#: Largest size of a spec, bytes. This is enough for a million inputs that depend on the row.
SPEC_BYTES = 256 << 20


def write_spec(files: Files, job: Job, spec: JobSpec) -> str:
    """Store a spec as that of the job's current revision. Return the SHA-256 (hex) of its file. Raises StorageError."""
    data = json.dumps(spec.to_wire()).encode()
    files.write(spec_url(job), data)
    return hashlib.sha256(data).hexdigest()


def read_spec(files: Files, job: Job, revision: int | None = None) -> JobSpec:
    """Return the stored spec of a revision. `revision`: None for the current revision of the job.

    Raises FileMissing if the spec is not stored. Raises FileDamaged if the digest of its file differs from that in the
    queue, or if its values have wrong types. Raises StorageError if the store fails.
    """
    digest = job.spec_hash(job.revision if revision is None else revision)
    return read_spec_file(files, spec_url(job, revision), digest)


def read_spec_file(files: Files, url: str, digest: str = "") -> JobSpec:
    """Return the spec that is stored at `url`. The errors are those of `read_spec`.

    `digest`: expected SHA-256 (hex) of the file; empty if it is unknown and not checked.
    """
    return files.read_as(url, JobSpec.from_wire, SPEC_BYTES, digest=digest)
