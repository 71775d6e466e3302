"""The script of a sweep: the files that all its tasks get, their DAG bundle, and their changes since the last run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kubeque.client import Client
from kubeque.model.errors import StorageError
from kubeque.model.job.job import Job
from kubeque.model.text import printable
from kubeque_provider.airflow_versions import AIRFLOW_2

#: XCom key of the digests of the script's files.
XCOM_KEY = "kubeque_script"
#: Maximum number of files that a message names, and maximum number of files whose digests are stored in XCom.
_MAX_NAMED, _MAX_KEPT = 3, 50
#: Maximum lengths in characters of a name in a message, and of a version that is not a hash.
_NAME_CHARACTERS, _VERSION_CHARACTERS = 80, 40
_HASH, _SHORT = 40, 7
_DIGEST = 12
#: Advice for a log line if a clear has run the same files again.
_LATEST = "to run the newest version, clear the Airflow task with 'Run with latest bundle version'"

Files = Mapping[str, str]


def read_script(client: Client, job: Job) -> Files | None:
    """Return the digest of each file that all tasks of a job get, by name; None if the store does not answer."""
    with suppress(StorageError):
        return client.reader.inputs(job)
    return None


def digest_of(files: Files) -> str:
    """Return one digest for all files, as hex digits; empty if there are no files."""
    return hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()[:_DIGEST] if files else ""


def bundle_of(context: Any) -> dict[str, str]:
    """Return entries for a job's origin: name and version of the running task's DAG bundle; empty without a version."""
    bundle = getattr(context["ti"], "bundle_instance", None)
    version = getattr(bundle, "version", None)
    return {"bundle": str(bundle.name), "bundle_version": str(version)} if bundle is not None and version else {}


def short_version(version: str) -> str:
    """Return a bundle version for messages. A Git hash is shortened to its first characters."""
    is_hash = len(version) == _HASH and set(version) <= set("0123456789abcdef")
    return version[:_SHORT] if is_hash else printable(version, _VERSION_CHARACTERS)


def newest_version(name: str) -> str:
    """Return the newest version of a DAG bundle that this worker can get; empty if unknown."""
    if AIRFLOW_2 or not name:
        return ""
    try:
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        bundle = DagBundlesManager().get_bundle(name)  # type: ignore[no-untyped-call]
        bundle.initialize()
        found: Any = bundle.get_current_version()
    except Exception:  # from the user's bundle class, Git or the network: the message leaves out the version
        return ""
    return str(getattr(found, "version", found) or "")


def changed_files(before: Files, now: Files) -> list[str]:
    """Return the names of the files that were added, removed or changed."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def describe_script(files: Files, origin: Mapping[str, str], before: Files | None) -> str:
    """Return one line about the script of a submission; empty if its tasks get no files.

    `files`: digests of the script's files. `origin`: origin of the job. `before`: digests of the files in the previous
    run; None if unknown.
    """
    if not files:
        return ""
    bundle = f" of the bundle {_bundle(origin)}" if origin.get("bundle_version") else ""
    since = ""
    if before is not None:
        since = ", unchanged since the previous run"
        if changed := changed_files(before, files):
            since = f", changed since the previous run: {_name(changed)}"
    return f"script: {_name(sorted(files))} ({digest_of(files)}){bundle}{since}"


def describe_rerun(rows: int, files: Files, before: Files, origin: Mapping[str, str], newest: str) -> str:
    """Return one line about the script with which `rows` rows run again.

    `files`, `before`: digests of the present files, and of the files before the rerun. `newest`: newest version of the
    DAG bundle; empty: unknown.
    """
    again = f"{rows} {'row runs' if rows == 1 else 'rows run'} again with the"
    if changed := changed_files(before, files):
        return f"{again} present script; changed files: {_name(changed)}"
    version = origin.get("bundle_version", "")
    if not version:
        return f"{again} unchanged script ({digest_of(files) or 'no files'})"
    if newest == version:
        return f"{again} unchanged script (bundle {short_version(version)}, the newest)"
    known = f"; the newest is {short_version(newest)}" if newest else ""
    return f"{again} unchanged script (bundle {short_version(version)}{known}): {_LATEST}"


def log_rerun(log: Any, client: Client, job: Job, rows: int, before: Files | None) -> bool:
    """Log the script with which `rows` rows of a job run again. Return True if a line was logged.

    Log nothing and return False if no row runs again, or if the present or the earlier files are unknown. `before`:
    digests of the files before the rerun.
    """
    files = read_script(client, job)
    if files is None or before is None or not rows:
        return False
    newest = "" if changed_files(before, files) else newest_version(job.origin.get("bundle", ""))
    log.info("%s: %s", job.name, describe_rerun(rows, files, before, job.origin, newest))
    return True


def _bundle(origin: Mapping[str, str]) -> str:
    return f"{printable(origin.get('bundle', ''), _NAME_CHARACTERS)} at {short_version(origin['bundle_version'])}"


def _name(names: list[str]) -> str:
    shown = ", ".join(printable(name, _NAME_CHARACTERS) for name in names[:_MAX_NAMED])
    return f"{shown} and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else shown


def push_script(context: Any, files: Files | None) -> None:
    """Store the digests of the script's files in XCom, for the next run of this Airflow task."""
    if files and len(files) <= _MAX_KEPT:
        context["ti"].xcom_push(key=XCOM_KEY, value=dict(files))


def pull_script(context: Any) -> Files | None:
    """Return the digests that the previous run of this Airflow task pushed to XCom; None if there are none."""
    ti = context["ti"]
    mapped = {"map_indexes": int(ti.map_index)} if int(getattr(ti, "map_index", -1)) >= 0 else {}
    found = ti.xcom_pull(task_ids=ti.task_id, key=XCOM_KEY, include_prior_dates=True, **mapped)
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, Mapping) else None
