"""Remove the working directories that dead consumers of this machine left behind."""

from __future__ import annotations

import logging
from collections.abc import Callable

from kubeque.clusters.open import abandoned_folders
from kubeque.files.mounts import remove_tree
from kubeque.jobs.backends import Backends

log = logging.getLogger(__name__)


def remove_abandoned(backends: Backends, wanted: Callable[[str], bool] = lambda uid: True) -> None:
    """Remove the abandoned working directories of all jobs, or of the jobs for whose uid `wanted` returns True.

    Links and mounts are not followed. A file that cannot be deleted is logged.
    """
    for path in abandoned_folders(backends.config, wanted, remove=True):
        for problem in remove_tree(path, after_task=True):
            log.warning("%s", problem)
