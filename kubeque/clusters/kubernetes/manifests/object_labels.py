"""Labels and annotations of the Kubernetes objects of a job.

kubeque selects objects by its own labels and `managed-by`. The other labels are for administrators: the labels that
Kubernetes recommends and, for sweeps from Airflow, the labels that Airflow's KubernetesPodOperator sets.
"""

from __future__ import annotations

import hashlib
import re

from kubeque.clusters.kubernetes.manifests.pod_manifest import ManifestContext
from kubeque.clusters.kubernetes.object_names import KEEPER, LABEL, MANAGED, slug
from kubeque.model.compatibility.versions import tag_version
from kubeque.model.job.job import Job

#: Labels of Airflow, each with the entry in the origin of a job from which its value comes.
_AIRFLOW = {"dag_id": "dag", "task_id": "task", "run_id": "run", "try_number": "try", "map_index": "map_index"}
#: Maximum length of the value of a label, in characters.
_LONGEST = 63
#: Number of characters of the digest at the end of a value that was changed to be valid.
_DIGEST = 9


def make_labels(job: Job, size_class: int | str, context: ManifestContext) -> dict[str, str]:
    """Return the labels that all objects of a job and size class have. `size_class`: a number, or KEEPER."""
    component = "keeper" if size_class == KEEPER else "consumer"
    version = tag_version(context.consumer_image)
    return {
        **MANAGED, "app.kubernetes.io/name": f"kubeque-{component}", "app.kubernetes.io/instance": job.fleet,
        "app.kubernetes.io/component": component, "app.kubernetes.io/part-of": "kubeque",
        **({"app.kubernetes.io/version": label_value(version)} if version else {}),
        f"{LABEL}/fleet": job.fleet, f"{LABEL}/class": str(size_class), f"{LABEL}/job": slug(job.name, _LONGEST),
        f"{LABEL}/queue": context.queue_digest, **_airflow_labels(job),
    }  # fmt: skip


def make_annotations(job: Job) -> dict[str, str]:
    """Return the annotations of a Kubernetes Job: the complete name of the job, and the name of the submitter."""
    return {f"{LABEL}/job": job.name, **({f"{LABEL}/submitter": job.submitter} if job.submitter else {})}


def _airflow_labels(job: Job) -> dict[str, str]:
    """Return the labels of the Airflow task that submitted a job; empty for any other job."""
    if "dag" not in job.origin:
        return {}
    found = {label: job.origin.get(entry, "") for label, entry in _AIRFLOW.items()}
    return {label: label_value(text) for label, text in found.items() if text and (label, text) != ("map_index", "-1")}


def label_value(text: str) -> str:
    """Return `text` as a valid value of a label.

    If `text` is not valid, invalid characters are removed, and a part of the MD5 of `text` is appended. So different
    texts have different values. Airflow's KubernetesPodOperator makes the same values, so one selector finds the pods
    of kubeque and of this operator.
    """
    valid = re.sub(r"[^\w.-]", "", text, flags=re.ASCII).strip("_.-")
    if valid == text and len(valid) <= _LONGEST:
        return valid
    digest = hashlib.md5(text.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()[:_DIGEST]
    return f"{valid[: _LONGEST - _DIGEST - 1]}-{digest}" if valid else digest
