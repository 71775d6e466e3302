"""Read the last lines of stderr of failed tasks, one task for each group of similar failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubeque.files.layout import result_url, stream_url
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.result_manifest import read_result
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import FileDamaged, FileMissing, StorageError
from kubeque.model.job.job import Job
from kubeque.model.stats.failure_groups import Group
from kubeque.model.text import printable

#: Maximum number of groups, of lines for each group, and of characters in a line.
_GROUPS, _LINES, _CHARACTERS = 5, 20, 400


@dataclass(frozen=True, slots=True)
class FailureOutput:
    """The end of stderr of a failed task."""

    index: int
    lines: tuple[str, ...]


def read_failure_outputs(backends: Backends, job: Job, groups: Sequence[Group]) -> list[FailureOutput]:
    """Return the end of stderr of the first task of each of the largest groups.

    Tasks without such output are left out. If the store does not answer, return what was read before.
    """
    found: list[FailureOutput] = []
    try:
        found.extend(_read(backends, job, groups[:_GROUPS]))
    except StorageError:
        return found
    return found


def _read(backends: Backends, job: Job, groups: Sequence[Group]) -> Iterator[FailureOutput]:
    for group in groups:
        index = group.first[0][0]
        task = backends.queue.task(job, index)
        url = result_url(job, task.record.outcome) if task is not None else ""
        try:
            stderr = _read_stderr(backends, url) if url else ""
        except (FileMissing, FileDamaged):
            continue
        if stderr.strip():
            lines = stderr.splitlines()[-_LINES:]
            yield FailureOutput(index, tuple(printable(line, _CHARACTERS) for line in lines))


def _read_stderr(backends: Backends, url: str) -> str:
    """Return the end of stderr of the attempt in the folder `url`. A long stream is in its own file."""
    result = read_result(backends.files, url)
    text = result.get("stderr")
    if text is None and result.get("stderr_bytes"):
        return backends.files.read_tail(stream_url(url, "stderr")).data.decode(errors="replace")
    return text if isinstance(text, str) else ""
