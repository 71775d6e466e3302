"""What is kept of an attempt: its files first, then result.json, which makes it count."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from kubeque.consumer.assignment import Assignment
from kubeque.consumer.attempt.environment import read_out
from kubeque.consumer.attempt.log_tail import last_lines, read_stream
from kubeque.consumer.attempt.process import Ended
from kubeque.consumer.attempt.workdir import OutputFile, OutputFiles, Workdir
from kubeque.files.batches import Copy, in_groups
from kubeque.files.layout import attempt_url, manifest_url, output_url, stream_url
from kubeque.files.parallel import CONSUMER_TRANSFERS, in_parallel
from kubeque.files.sha256 import sha256_file
from kubeque.files.store import Files
from kubeque.model.job.task import Cause, Outcome

#: What a task wrote to $KUBEQUE_OUT travels in the queue up to so many bytes of JSON; what is more is in result.json.
_OUT_IN_QUEUE = 1024


def save(files: Files, a: Assignment) -> Outcome:
    """Upload what the attempt left, result.json last. Raises StorageError, and may be called again then."""
    ended, workdir, began = a.ended, a.workdir, time.monotonic()
    if ended is None or workdir is None:
        message = str(a.refusal) if a.refusal else "the attempt was not run"
        return Outcome(
            a.index, a.attempt, Cause.STAGE, start=time.time(), message=message, revision=a.job.revision,
            staging=a.staging, final=a.refusal is not None and a.refusal.permanent,
        )  # fmt: skip
    url = attempt_url(a.job, a.index, a.folder)
    collected = workdir.collect(a.spec.results, a.spec.ignore)
    stored = _store_all(files, url, collected)
    out, problem = read_out(workdir.out)
    message = ended.message or problem or (collected.refused[0] if collected.refused else "")
    if ended.cause in (Cause.EXIT, Cause.SIGNAL):
        said = " | ".join(last_lines(workdir.stderr, 2))
        message = f"{message}: {said}" if said else message
    saving = round(time.monotonic() - began, 3)
    result = {
        **_facts(a, ended), "saving": saving, "message": message, "refused": _refused(collected), "files": stored,
        "out": out,
    }  # fmt: skip
    files.write(manifest_url(url), json.dumps(result | _streams(files, url, workdir)).encode())
    small = {} if out is not None and len(json.dumps(out)) > _OUT_IN_QUEUE else out
    return Outcome(
        a.index, a.attempt, ended.cause, ended.code, ended.start, ended.seconds, a.folder, ended.peak_memory,
        len(stored), sum(item["size"] for item in stored), small, message, a.job.revision,
        staging=a.staging, saving=time.monotonic() - began,
    )  # fmt: skip


def _store_all(files: Files, url: str, collected: OutputFiles) -> list[dict[str, Any]]:
    groups = list(in_groups(collected.files, lambda file: file.size))
    store = partial(_store, files, url)
    if len(groups) <= 1:  # a pool of threads costs more than one small file
        return [item for group in groups for item in store(group)]
    return [item for stored in in_parallel(store, groups, threads=CONSUMER_TRANSFERS) for item in stored]


def _facts(a: Assignment, ended: Ended) -> dict[str, Any]:
    return {
        "version": 1, "job": a.job.name, "uid": a.job.uid, "revision": a.job.revision, "index": a.index,
        "attempt": a.attempt, "command": a.argv, "row": a.row, "cause": ended.cause.value, "code": ended.code,
        "start": ended.start, "seconds": ended.seconds, "peak_memory": ended.peak_memory,
        "staging": round(a.staging, 3),
    }  # fmt: skip


def _refused(collected: OutputFiles) -> list[str]:
    more = [f"and {collected.refused_more} more"] if collected.refused_more else []
    return [*collected.refused, *more]


def _store(files: Files, url: str, group: Sequence[OutputFile]) -> list[dict[str, Any]]:
    copies = [Copy(str(file.path), output_url(url, file.name), file.size, sha256_file(file.path)) for file in group]
    files.upload_many(copies)
    return [
        {"name": file.name, "size": os.path.getsize(file.path), "digest": item.digest}
        for file, item in zip(group, copies, strict=True)
    ]


def _streams(files: Files, url: str, workdir: Workdir) -> dict[str, Any]:
    """Short streams inline, longer ones beside it, empty ones nowhere."""
    kept: dict[str, Any] = {}
    for name, path in (("stdout", workdir.stdout), ("stderr", workdir.stderr)):
        text, size = read_stream(path)
        kept |= {name: text, f"{name}_bytes": size}
        if text is None and size:
            kept[f"{name}_digest"] = digest = sha256_file(path)
            files.upload(str(path), stream_url(url, name), digest=digest)
    return kept


def unstored(a: Assignment, message: str) -> Outcome:
    """The outcome of a task whose result the store would not take."""
    start, seconds = (a.ended.start, a.ended.seconds) if a.ended else (time.time(), 0.0)
    return Outcome(
        a.index, a.attempt, Cause.STORE, start=start, seconds=seconds, message=message, revision=a.job.revision,
        staging=a.staging,
    )  # fmt: skip
