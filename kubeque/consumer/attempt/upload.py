"""Upload the files and streams of one attempt. If one file cannot be uploaded, the others are still uploaded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from kubeque.consumer.attempt.log_tail import read_stream
from kubeque.consumer.attempt.result_files import OutputFile, OutputFiles
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.files.batches import Copy, in_groups
from kubeque.files.layout import output_url, stream_url
from kubeque.files.parallel import CONSUMER_TRANSFERS, in_parallel
from kubeque.files.sha256 import sha256_and_size, sha256_file
from kubeque.files.store import Files
from kubeque.model.errors import FileError

#: A file, and either its entry in result.json or the error because of which it is not stored.
_Stored = tuple[OutputFile, dict[str, Any] | FileError]


def upload_files(files: Files, url: str, collected: OutputFiles) -> list[dict[str, Any]]:
    """Upload the result files of an attempt, and return their entries for result.json.

    `url`: folder of the attempt. A file that cannot be stored is added to the refused files of `collected`. Raises
    StorageError if the store fails as a whole.
    """
    groups = list(in_groups(collected.files, lambda file: file.size))
    upload = partial(_upload_group, files, url)
    # For one group, a pool of threads would cost more time than it saves.
    done = map(upload, groups) if len(groups) <= 1 else in_parallel(upload, groups, threads=CONSUMER_TRANSFERS)
    records = []
    for file, stored in (item for group in done for item in group):
        if isinstance(stored, FileError):
            collected.refuse(file.name, f"could not be stored: {stored}")
        else:
            records.append(stored)
    return records


def _upload_group(files: Files, url: str, group: Sequence[OutputFile]) -> list[_Stored]:
    read = [(file, _copy_of(url, file)) for file in group]
    copies = [copy for _, copy in read if isinstance(copy, Copy)]
    errors = dict(zip(copies, files.upload_many(copies), strict=True))
    return [(file, copy if isinstance(copy, FileError) else errors[copy] or _record(file, copy)) for file, copy in read]


def _copy_of(url: str, file: OutputFile) -> Copy | FileError:
    try:
        digest, size = sha256_and_size(file.path)
    except FileError as error:
        return error
    return Copy(str(file.path), output_url(url, file.name), size, digest)


def _record(file: OutputFile, copy: Copy) -> dict[str, Any]:
    executable = {"executable": True} if file.executable else {}
    return {"name": file.name, "size": copy.size, "digest": copy.digest, **executable}


def upload_streams(files: Files, url: str, workdir: Workdir, collected: OutputFiles) -> dict[str, Any]:
    """Return the entries of both streams for result.json. A short stream is an entry with its text.

    Any other stream is uploaded as a file below `url`, the folder of the attempt. A stream that cannot be read or
    stored counts as empty, and is added to the refused files of `collected`. Raises StorageError if the store fails as
    a whole.
    """
    kept: dict[str, Any] = {}
    for name, path in (("stdout", workdir.stdout), ("stderr", workdir.stderr)):
        text, size = read_stream(path)
        kept |= {name: text, f"{name}_bytes": size}
        if text is None and size:
            try:
                kept[f"{name}_digest"] = digest = sha256_file(path)
                files.upload(str(path), stream_url(url, name), digest=digest)
            except FileError as error:
                kept |= {name: "", f"{name}_bytes": 0}
                kept.pop(f"{name}_digest", None)
                collected.refuse(name, f"could not be stored: {error}")
    return kept
