"""Find the rows of a new job that are ok in earlier jobs, by their row keys, and link to the earlier results."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace

from kubeque.files.layout import keys_url, task_url
from kubeque.files.parallel import KEY_READS, in_parallel
from kubeque.files.rows.row_pages import PageReader
from kubeque.files.spec_file import read_spec
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.result_links import Done
from kubeque.lazy_dataclass import dataclass
from kubeque.model.command.command import format_word
from kubeque.model.errors import FileDamaged, FileMissing, StorageError, UserError
from kubeque.model.job.job import Job
from kubeque.model.job.row_keys import KEY_BYTES, has_index, no_keys, own_values, row_keys
from kubeque.model.job.spec import JobSpec
from kubeque.model.job.task import Outcome, TaskState, TaskView
from kubeque.model.rows.rows import iter_rows
from kubeque.model.text import cut, format_count, printable
from kubeque.model.wording import option

#: Maximum number of changes that a note names.
_NAMED = 3
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


def find_done(
    backends: Backends, sources: Sequence[Job], keys: bytes, *, revision: int, skip: Collection[int] = ()
) -> Found:
    """Return the rows of a new job that are ok in one of the jobs `sources`. The first source with a result is used.

    `keys`: concatenated row keys of the new job. `revision`: revision of the linked outcomes. `skip`: indexes of rows
    of the new job that are not searched. Sends a few requests to the store for each source, until all rows are found.
    Uses 100 bytes of memory for each row, and one outcome for each found row.
    """
    wanted: dict[bytes, list[int]] = {}
    for index in reversed(range(len(keys) // KEY_BYTES)):
        if index not in skip:
            wanted.setdefault(key_at(keys, index), []).append(index)
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
    """Return links for those rows in `wanted` that have results in `source`. Remove these rows from `wanted`.

    `kept`: row keys of each revision of `source`. `wanted`: indexes of rows by row key. Rows with equal keys get
    different results as long as `source` has enough results with this key. All further rows share the last result.
    """
    done: Done = {}
    last: dict[bytes, Outcome] = {}
    for outcome in ok_outcomes(backends, source):
        key = key_at(kept.get(outcome.revision, b""), outcome.index)
        if waiting := wanted.get(key):
            index = waiting.pop()
            done[index] = link_outcome(source, outcome, index, revision=revision)
            last[key] = outcome
    for key, outcome in last.items():
        for index in wanted.pop(key):
            done[index] = link_outcome(source, outcome, index, revision=revision)
    return done


def repair(
    backends: Backends, source: Job, spec: JobSpec, rows: Iterable[Sequence[str]], keys: bytes, known: StoredKeys
) -> Found:
    """Return links from rows of a new job to the tasks that are ok in `source` and have the same values.

    `spec`, `rows` and `keys`: those of the new job. `known`: cache of row keys, to which this function adds the keys
    that it reads. Raises UserError if rows of `source` that are ok cannot be found among the new rows.

    A link has revision 1, the first of the new job, if the row keys are equal. Otherwise it has revision 0, a number
    that no revision of a job has: a later comparison counts the row as changed.
    """
    ok = {outcome.index: outcome for outcome in ok_outcomes(backends, source)}
    old = read_spec(backends.files, source)
    if not ok:
        return Found()
    pairs = (
        {index: index for index in ok}
        if old.rows.digest == spec.rows.digest and old.rows.types == spec.rows.types
        else _match_values(backends, source, old, spec, rows, ok)
    )
    read_all_keys(backends, source, known)

    def link(index: int, outcome: Outcome) -> Outcome:
        then = key_at(known.get((source.uid, outcome.revision), b""), outcome.index)
        return link_outcome(source, outcome, index, revision=int(bool(keys) and then == key_at(keys, index)))

    done = {index: link(index, ok[at]) for index, at in sorted(pairs.items())}
    return Found(done, [(source, list(done))])


def _match_values(
    backends: Backends, source: Job, old: JobSpec, spec: JobSpec, rows: Iterable[Sequence[str]], ok: Collection[int]
) -> dict[int, int]:
    """Return, by the index of a new row, the index of the ok row of `source` with equal values. Raises UserError."""
    remedy = f"{option('revise')} runs all rows that changed"
    if sorted(old.rows.columns) != sorted(spec.rows.columns):
        was, now = (", ".join(each.rows.columns) or "no columns" for each in (old, spec))
        raise UserError(
            f"nothing was submitted: the columns changed from {cut(was, 60)} to {cut(now, 60)}, so {option('repair')}"
            f" cannot find the {format_count(len(ok), 'ok row')} of {source.name} among the new rows: {remedy}"
        )
    stored = iter_rows(old.rows, PageReader(source.url, backends.files, old.rows.pages).page)
    earlier = [[row[column] for column in old.rows.columns] for row in stored]
    present = list(rows)

    def match(*, numbered: bool) -> dict[int, int]:
        return match_rows(
            ok, list(own_values(old, earlier, numbered=numbered)), list(own_values(spec, present, numbered=numbered))
        )

    pairs = match(numbered=False)
    moved = len(pairs) - len(match(numbered=True)) if has_index(old) or has_index(spec) else 0
    if moved:
        raise UserError(
            f"nothing was submitted: the command has {{index}}, and {format_count(moved, 'ok row')} of"
            f" {source.name} would get another index, so {option('repair')} cannot keep the results: {remedy}"
        )
    return pairs


def match_rows(ok: Collection[int], old: Sequence[bytes], new: Sequence[bytes]) -> dict[int, int]:
    """Return, by the index of the new row, the index of an old ok row with an equal value.

    Each old row is used at most once. If the row at the same index has an equal value, it is used.
    """
    pairs = {index: index for index in ok if index < len(new) and old[index] == new[index]}
    left: dict[bytes, list[int]] = {}
    for index in sorted(set(ok) - set(pairs), reverse=True):
        left.setdefault(old[index], []).append(index)
    for index, value in enumerate(new):
        if index not in pairs and left.get(value):
            pairs[index] = left[value].pop()
    return pairs


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
    read_all_keys(backends, replace(job, revision=job.revision - 1), known)
    old = (outcome for outcome in ok_outcomes(backends, job) if outcome.revision != job.revision)
    kept = ((o.index, known.get((job.uid, o.revision), b"")) for o in old)
    return [index for index, then in kept if not keys or key_at(then, index) != key_at(keys, index)]


def read_all_keys(backends: Backends, job: Job, known: StoredKeys) -> None:
    """Add the row keys of all revisions of a job to `known`. Raises StorageError."""
    for number in range(1, job.revision + 1):
        if (job.uid, number) not in known:
            known[job.uid, number] = read_keys(backends, job, number)


def note_done(backends: Backends, job: Job, spec: JobSpec, done: int, earlier: Sequence[Job]) -> str:
    """Return a note if some rows of a job in a series run again or for the first time; "" if all rows are done.

    `done`: number of linked rows. `earlier`: the earlier jobs of the series, the newest first.
    """
    if not earlier or done >= job.n:
        return ""
    changes: list[str] = []
    with suppress(StorageError):  # the submission succeeds without the reasons
        changes = list(describe_changes(spec, backends.spec(earlier[0])))
    more = [format_count(len(changes) - _NAMED, "more change")] if len(changes) > _NAMED else []
    why = f": since {earlier[0].name}, {', '.join([*changes[:_NAMED], *more])}" if changes else ""
    return f"{done} of {job.n} rows are done already{why}"


def describe_changes(new: JobSpec, old: JobSpec) -> Iterator[str]:
    """Yield a text for each difference between two specs that makes rows with equal values run again."""
    then = {item.name: (item.digest, item.generation) for item in old.inputs}
    now = {item.name: (item.digest, item.generation) for item in new.inputs}
    yield from (f"{printable(name)} has changed" for name in now if name in then and now[name] != then[name])
    yield from (f"{printable(name)} is a new input" for name in now if name not in then)
    yield from (f"{printable(name)} is no longer an input" for name in then if name not in now)
    if list(map(format_word, new.command)) != list(map(format_word, old.command)) or new.shell != old.shell:
        yield "the command has changed"
    if dict(new.env) != dict(old.env):
        yield "the environment has changed"
    if sorted(new.results) != sorted(old.results) or sorted(new.ignore) != sorted(old.ignore):
        yield "the files to keep have changed"
    if not new.local and new.image != old.image:
        yield "the image has changed"
    if sorted(new.rows.columns) != sorted(old.rows.columns):
        yield "the columns have changed"


def _all_keys(backends: Backends, job: Job) -> dict[int, bytes]:
    """Return the row keys of a job by the number of the revision; empty if the job has been removed in the meantime."""
    try:
        return {number: read_keys(backends, job, number) for number in range(1, job.revision + 1)}
    except FileMissing:
        return {}


def ok_outcomes(backends: Backends, job: Job) -> Iterator[Outcome]:
    """Yield the outcomes of the tasks that are ok. Raises QueueError."""

    def outcome(view: TaskView) -> Outcome | None:
        return view.record.outcome if view.state is TaskState.OK else None

    return (found for view in backends.queue.tasks(job) if (found := outcome(view)) is not None and found.folder)


def _each(keys: bytes) -> Iterator[bytes]:
    return (keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES))


def key_at(keys: bytes, index: int) -> bytes:
    """Return the key of row `index` in concatenated row keys; empty if it is not there."""
    return keys[index * KEY_BYTES : (index + 1) * KEY_BYTES]
