"""Remove the working directories that dead consumers of this machine left behind."""

from __future__ import annotations

import logging

from kubeque.clusters.open import abandoned_folders
from kubeque.files.mounts import remove_tree
from kubeque.jobs.backends import Backends

log = logging.getLogger(__name__)


def remove_abandoned(backends: Backends, uid: str = "") -> None:
    """Remove the abandoned working directories of one job, or of all jobs. No link and no mount is followed."""
    for path in abandoned_folders(backends.config, uid, remove=True):
        for problem in remove_tree(path, after_task=True):
            log.warning("%s", problem)
