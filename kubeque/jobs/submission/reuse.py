"""Find the rows of a new job that are ok in earlier jobs, by their row keys, and link to the earlier results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace

from kubeque.files.layout import keys_url, task_url
from kubeque.files.parallel import KEY_READS, in_parallel
from kubeque.files.rows.row_pages import PageReader
from kubeque.files.spec_file import read_spec
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.result_links import Done
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import FileDamaged, FileMissing
from kubeque.model.job.job import Job
from kubeque.model.job.row_keys import KEY_BYTES, no_keys, row_keys
from kubeque.model.job.task import Outcome, TaskState, TaskView
from kubeque.model.rows.rows import iter_rows

#: Row keys by uid and revision of their job. Row keys of a revision never change.
StoredKeys = dict[tuple[str, int], bytes]


def read_keys(backends: Backends, job: Job, revision: int) -> bytes:
    """Return the concatenated row keys of one revision of a job; empty if the rows have no keys.

    Compute the row keys from the spec and the rows if they are not stored. Raises StorageError.
    """
    try:
        keys = backends.files.read(keys_url(job, revision), job.n * KEY_BYTES)
    except (FileMissing, FileDamaged):
        keys = b""
    if len(keys) != job.n * KEY_BYTES:  # no keys are stored, or the program of a task has changed the file
        spec = read_spec(backends.files, job, revision)
        rows = iter_rows(spec.rows, PageReader(job.url, backends.files, spec.rows.pages).page)
        columns = spec.rows.columns
        keys = b"" if no_keys(spec) else b"".join(row_keys(spec, ([row[c] for c in columns] for row in rows)))
    return keys


def members(backends: Backends, series: str) -> list[Job]:
    """Return the jobs of a series that are in the queue, newest first."""
    return sorted((job for job in backends.queue.jobs() if job.series == series), key=lambda job: -job.created)


@dataclass(slots=True)
class Found:
    """The rows of a new job that do not have to run."""

    #: Outcomes of these rows, as links to earlier results.
    done: Done = field(default_factory=dict)
    #: Pairs: an earlier job, and the indexes of the rows of the new job that link to this earlier job.
    told: list[tuple[Job, list[int]]] = field(default_factory=list)


def find_done(backends: Backends, sources: Sequence[Job], keys: bytes, *, revision: int) -> Found:
    """Return the rows of a new job that are ok in one of the jobs `sources`. The first source with a result is used.

    `keys`: concatenated row keys of the new job. `revision`: revision of the linked outcomes. Sends a few requests to
    the store for each source, until all rows are found. Uses 100 bytes of memory for each row, and one outcome for each
    found row.
    """
    wanted: dict[bytes, list[int]] = {}
    for index in reversed(range(len(keys) // KEY_BYTES)):
        wanted.setdefault(_at(keys, index), []).append(index)
    found = Found()
    worth = [job for job in sources if job.closing is None or job.closing.counts.ok]
    for source, kept in in_parallel(lambda job: (job, _all_keys(backends, job)), worth, threads=KEY_READS):
        if not wanted:
            break
        if any(key in wanted for one in kept.values() for key in _each(one)):
            done = _match(backends, source, kept, wanted, revision)
            found.done.update(done)
            found.told.append((source, list(done)))
    return found


def _match(
    backends: Backends, source: Job, kept: Mapping[int, bytes], wanted: dict[bytes, list[int]], revision: int
) -> Done:
    """Return links for the rows in `wanted` for which `source` has results. Remove these rows from `wanted`.

    `kept`: row keys of each revision of `source`. `wanted`: indexes of rows by row key. Rows with equal keys get
    different results as long as `source` has enough results with this key. All further rows share the last result.
    """
    done: Done = {}
    last: dict[bytes, Outcome] = {}
    for outcome in _ok(backends, source):
        key = _at(kept.get(outcome.revision, b""), outcome.index)
        if waiting := wanted.get(key):
            index = waiting.pop()
            done[index] = link_outcome(source, outcome, index, revision=revision)
            last[key] = outcome
    for key, outcome in last.items():
        for index in wanted.pop(key):
            done[index] = link_outcome(source, outcome, index, revision=revision)
    return done


def all_done(backends: Backends, source: Job) -> Found:
    """Return links to all tasks that are ok in `source`, for a new job with the same rows. Row keys are not compared.

    The links have revision 0, a number that no revision of a job has. No row keys are stored for revision 0. So a later
    comparison counts the linked rows as changed.
    """
    done = {
        outcome.index: link_outcome(source, outcome, outcome.index, revision=0) for outcome in _ok(backends, source)
    }
    return Found(done, [(source, list(done))])


def link_outcome(source: Job, outcome: Outcome, index: int, *, revision: int) -> Outcome:
    """Return the outcome of a task of `source` as the linked outcome of task `index` of a new job.

    A link to a linked task points to the original result. The attempt is 0, because the new job did not run the task.
    """
    where = outcome.linked or task_url(source, outcome.index)
    return replace(outcome, index=index, attempt=0, linked=where, revision=revision)


def changed_rows(backends: Backends, job: Job, keys: bytes, known: StoredKeys) -> list[int]:
    """Return the indexes of the tasks that were ok in an earlier revision and now have a different row key.

    `keys`: row keys of the present revision; if empty, all tasks that were ok in an earlier revision count as changed.
    `known`: cache of row keys, to which this function adds the keys that it reads.
    """
    for number in range(1, job.revision):
        if (job.uid, number) not in known:
            known[job.uid, number] = read_keys(backends, job, number)
    old = (outcome for outcome in _ok(backends, job) if outcome.revision != job.revision)
    kept = ((o.index, known.get((job.uid, o.revision), b"")) for o in old)
    return [index for index, then in kept if not keys or _at(then, index) != _at(keys, index)]


def _all_keys(backends: Backends, job: Job) -> dict[int, bytes]:
    """Return the row keys of a job by the number of the revision; empty if the job has been removed in the meantime."""
    try:
        return {number: read_keys(backends, job, number) for number in range(1, job.revision + 1)}
    except FileMissing:
        return {}


def _ok(backends: Backends, job: Job) -> Iterator[Outcome]:
    def outcome(view: TaskView) -> Outcome | None:
        return view.record.outcome if view.state is TaskState.OK else None

    return (found for view in backends.queue.tasks(job) if (found := outcome(view)) is not None and found.folder)


def _each(keys: bytes) -> Iterator[bytes]:
    return (keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES))


def _at(keys: bytes, index: int) -> bytes:
    return keys[index * KEY_BYTES : (index + 1) * KEY_BYTES]
