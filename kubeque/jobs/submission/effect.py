"""The effect of a submission on an existing job of the same name, counted before anything is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from kubeque.files.rows.row_pages import PageReader
from kubeque.files.spec_file import read_spec
from kubeque.jobs.backends import Backends
from kubeque.jobs.submission.draft import Draft
from kubeque.jobs.submission.existing import Existing
from kubeque.jobs.submission.reuse import changed_rows, find_done, key_at, ok_outcomes, read_all_keys, repair
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import FileMissing
from kubeque.model.job.job import Job
from kubeque.model.job.row_keys import KEY_BYTES, has_index
from kubeque.model.job.spec import Input, JobSpec
from kubeque.model.job.task import TaskState
from kubeque.model.rows.rows import encode_row, iter_rows
from kubeque.model.text import cut, format_count, printable

#: Number of differences that a message names.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a submission on the rows of an existing job."""

    #: Name of the job.
    name: str
    existing: Existing
    #: Number of rows that will run because they are not ok: failed, killed, waiting, running or new.
    run: int
    #: Number of ok rows that keep their results.
    kept: int
    #: Number of ok rows that will run again.
    again: int
    #: Number of ok rows that the new rows do not contain. These rows and their results are removed from the job.
    lost: int = 0
    #: Changes because of which ok rows run again, since these rows ran: names of files, and phrases such as "the
    #: command". If no ok row runs again because of a change: the differences from the job.
    changed: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        return {**asdict(self), "existing": self.existing.value, "changed": list(self.changed)}

    def __str__(self) -> str:
        """Return the effect as one sentence."""
        run = f"{_rows(self.run)} that {'is' if self.run == 1 else 'are'} not ok will run" if self.run else ""
        because = (
            f" because {self._changes()} changed since {'it' if self.again == 1 else 'they'} ran"
            if self.changed and self.existing is Existing.REVISE
            else ""
        )
        again = f"{_rows(self.again, 'ok ')} will run again{because}" if self.again else ""
        kept = f"{_rows(self.kept, 'ok ')} will be kept" if self.kept or not self.again else ""
        are = "is" if self.lost == 1 else "are"
        gone = f"{_rows(self.lost, 'ok ')} {are} not among the new rows and will be removed from the job"
        lost = gone if self.lost else ""
        return f"{self.name}: {', '.join(part for part in (run, again, kept, lost) if part)}"

    def _changes(self) -> str:
        more = len(self.changed) - _NAMED
        named = [cut(printable(name), 60) for name in self.changed[:_NAMED]]
        *first, last = [*named, f"{more} more"] if more > 0 else named
        return f"{', '.join(first)} and {last}" if first else last


def count_effect(backends: Backends, wanted: Draft, before: Job, existing: Existing) -> Effect:
    """Return the effect of submitting the draft `wanted` under the name of the job `before`.

    Nothing is changed. Raises StorageError.
    """
    if existing is Existing.REPAIR:
        return _count_repair(backends, wanted, before)
    old, n = backends.spec(before), wanted.sweep.rows.n
    ok = backends.queue.counts(before).ok
    kept = min(_kept(backends, wanted, before, old, existing, ok), n)
    same_rows = old.rows.digest == wanted.spec.rows.digest
    found = None if same_rows else _find_present(backends, wanted, before, old)
    lost = 0 if found is None else max(0, ok - len(found))
    again = ok - kept if same_rows else max(0, min(ok - lost, n) - kept)
    changed = _reasons(backends, wanted, before, found) if again and existing is Existing.REVISE else ()
    changed = changed or tuple(dict.fromkeys(_differences(old, wanted.spec)))
    return Effect(before.name, existing, n - kept - again, kept, again, lost, changed)


def _reasons(backends: Backends, wanted: Draft, before: Job, present: Collection[int] | None) -> tuple[str, ...]:
    """Return the changes that make ok rows of `before` run again.

    `wanted` is compared with the revision in which each row ran. `present`: indexes of the ok rows that are among the
    new rows; None for all.
    """
    read_all_keys(backends, before, wanted.stored_keys)
    keys = {wanted.keys[at : at + KEY_BYTES] for at in range(0, len(wanted.keys), KEY_BYTES)}
    revisions = set()
    for outcome in ok_outcomes(backends, before):
        then = key_at(wanted.stored_keys.get((before.uid, outcome.revision), b""), outcome.index)
        if then not in keys and (present is None or outcome.index in present):
            revisions.add(outcome.revision)
    found: list[str] = []
    for revision in sorted(revisions):
        if revision:
            found += _key_changes(read_spec(backends.files, before, revision), wanted.spec)
        else:  # kept by a repair, although the command or an input had changed
            found.append("the command or an input")
    return tuple(dict.fromkeys(found))


def _key_changes(then: JobSpec, now: JobSpec) -> Iterator[str]:
    """Yield those differences between two specs that make a row with the same values run again."""
    mine = {item.name for item in [*then.inputs, *now.inputs]}
    both = {name for name in then.row_inputs if name in now.row_inputs}
    files = mine | {item.name for name in both for item in (then.row_inputs[name], now.row_inputs[name])}
    phrases = ("the command", "the environment variables", "the image", "the patterns of result files")
    yield from (what for what in _differences(then, now) if what in phrases or what in files)
    if sorted(then.rows.columns) != sorted(now.rows.columns):
        yield "the columns"
    elif has_index(now) and then.rows.digest != now.rows.digest:
        yield "the numbers of the rows"


def _count_repair(backends: Backends, wanted: Draft, before: Job) -> Effect:
    """Return the effect of a repair. It runs no ok row again. Raises UserError if the rows cannot be matched."""
    ok, n = backends.queue.counts(before).ok, wanted.sweep.rows.n
    found = repair(backends, before, wanted.spec, wanted.sweep.rows, wanted.keys, wanted.stored_keys)
    kept = len(found.done)
    changed = tuple(dict.fromkeys(_differences(backends.spec(before), wanted.spec)))
    return Effect(before.name, Existing.REPAIR, n - kept, kept, 0, max(0, ok - kept), changed)


def _find_present(backends: Backends, wanted: Draft, before: Job, old: JobSpec) -> set[int]:
    """Return the indexes of the ok rows of `before` that are among the rows of `wanted`.

    Compare only the columns that exist in `before` and in `wanted`. If `before` has no columns, compare indexes.
    """
    ok = {view.index for view in backends.queue.tasks(before) if view.state is TaskState.OK}
    rows = wanted.sweep.rows
    if not old.rows.columns:
        return {index for index in ok if index < rows.n}
    shared = [column for column in old.rows.columns if column in rows.columns]
    if not shared:
        return set()
    at = [rows.columns.index(column) for column in shared]
    new = {encode_row([row[position] for position in at]) for row in rows}
    stored = PageReader(before.url, backends.files, old.rows.pages).page
    try:
        earlier = enumerate(iter_rows(old.rows, stored))
        return {i for i, row in earlier if i in ok and encode_row([row[column] for column in shared]) in new}
    except FileMissing:  # the files and results of the job were deleted
        return ok


def _kept(backends: Backends, wanted: Draft, before: Job, old: JobSpec, existing: Existing, ok: int) -> int:
    """Return the number of ok rows of `before` that keep their results."""
    if existing is Existing.REPLACE:
        return 0
    same_rows = old.rows.digest == wanted.spec.rows.digest
    keys = wanted.keys
    if not keys and before.spec_digest == wanted.spec.digest():
        return ok
    if not same_rows or old.shapes != wanted.spec.shapes:
        return len(find_done(backends, [before], keys, revision=1).done) if keys else 0
    return ok - len(changed_rows(backends, replace(before, revision=before.revision + 1), keys, wanted.stored_keys))


def _differences(old: JobSpec, new: JobSpec) -> Iterator[str]:
    """Yield the differences between two specs: first the files, then the other parts."""
    yield from _changed_files({item.name: item for item in old.inputs}, {item.name: item for item in new.inputs})
    yield from _changed_files(old.row_inputs, new.row_inputs)
    parts = (
        ("the command", old.command != new.command or old.shell != new.shell),
        ("the rows", old.rows.digest != new.rows.digest),
        ("the environment variables", old.env != new.env),
        ("the image", old.image != new.image),
        ("the patterns of result files", (old.results, old.ignore) != (new.results, new.ignore)),
        ("memory or disk", old.shapes != new.shapes),
        ("other options", (old.cpu, old.pod, old.task_timeout) != (new.cpu, new.pod, new.task_timeout)),
    )
    yield from (what for what, differs in parts if differs)


def _changed_files(old: Mapping[str, Input], new: Mapping[str, Input]) -> Iterator[str]:
    for name, item in new.items():
        if name not in old or _content(old[name]) != _content(item):
            yield item.name
    yield from (item.name for name, item in old.items() if name not in new)


def _content(item: Input) -> tuple[str, bool]:
    return item.digest or f"{item.url} {item.generation}", item.executable


def _rows(count: int, kind: str = "") -> str:
    return format_count(count, f"{kind}row")
