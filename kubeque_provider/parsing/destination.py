"""The check of `dest`. Results must not be among the DAG files, because Airflow scans and replaces these files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from kubeque.model.errors import UserError
from kubeque.model.user_paths import expand_home
from kubeque_provider.airflow_versions import dag_roots


def resolve_dest(dest: Any, folder: str, context: Any) -> str:
    """Return `dest` as a URL or an absolute path.

    `dest`: a text, a path, or an ObjectStoragePath. `folder`: folder of the DAG file, where a relative path starts.
    Raises UserError for a path among the DAG files.
    """
    text = str(dest)
    if "://" in text:
        return text
    return refuse_dag_folder(text, text, folder, find_dag_roots(context))


def refuse_dag_folder(dest: str, begin: str, folder: str, roots: Iterable[str]) -> str:
    """Return `begin` as an absolute path. Raises UserError if the path is in one of the folders `roots` of DAG files.

    `dest`: the destination, for the message. `begin`: the whole `dest`, or its part before the first template.
    `folder`: folder of the DAG file, where a relative path starts.
    """
    path = os.path.join(folder, expand_home(begin))
    for root in roots:
        if is_below(path, root):
            raise UserError(
                f"dest {dest!r} is {os.path.abspath(path)}, in the folder of the DAG files {root}, which Airflow scans"
                " and may replace: give an absolute path outside of this folder, for example"
                f" '~/results/{{{{ run_id }}}}', or a URL, for example 'gs://bucket/{{{{ run_id }}}}'"
            )
    return path


def find_dag_roots(context: Any) -> list[str]:
    """Return the folders of DAG files: those in Airflow's configuration, and the one of the running task's bundle."""
    bundle = getattr(context["ti"], "bundle_instance", None)
    return list(filter(None, [*dag_roots(), str(getattr(bundle, "path", "") or "")]))


def is_below(path: str, root: str) -> bool:
    """True if `path` is the folder `root` or is inside it. Symbolic links are resolved."""
    inner, outer = (os.path.realpath(each) for each in (path, root))
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)
