"""Write the consumer and time of each attempt as a page, a Chrome trace, a table or a picture (`kubeque timeline`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from kubeque.files.output import check_file, write_file
from kubeque.jobs.backends import Backends
from kubeque.jobs.reports.drawing import SCRIPT, Rows, Sample, make_drawing
from kubeque.jobs.reports.html_page import format_time, render_page
from kubeque.jobs.results.table import lines, read_rows, write_csv
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.stats.spans import By, Span, consumer_label, find_uncovered, lanes, spans

#: Maximum number of attempts that a page draws. If there are more attempts, the page draws every second or every fourth
#: attempt, and so on.
PAGE_ATTEMPTS = 250_000
_CSV = (
    "job", "index", "attempt", "consumer", "cause", "exit_code", "start", "seconds", "staging_seconds",
    "saving_seconds",
)  # fmt: skip

Traced = tuple[Span, dict[str, str]]


def write_timeline(backends: Backends, jobs: Sequence[Job], dest: Path | str, *, by: By = By.CONSUMER) -> int:
    """Write the timeline of `jobs` to `dest`, and return the number of attempts.

    The ending of `dest` determines the format. Raises UserError if the ending is unknown. Raises MissingExtra if a
    library is missing. Raises DestinationError, StorageError.
    """
    writer = WRITERS.get(Path(dest).suffix.lower())
    if writer is None:
        raise UserError(f"{dest}: a timeline is written as {', '.join(WRITERS)}: choose one of these endings")
    check_file(backends.files, dest)
    counted = 0

    def traced() -> Iterator[Traced]:
        nonlocal counted
        for job in jobs:
            for line in lines(backends, job):
                for span in spans(job.name, line.view):
                    counted += 1
                    yield span, line.row

    write_file(backends.files, dest, lambda file: writer(file, traced(), by))
    return counted


# ------------------------------------------------------------------ a page
def _html(file: BinaryIO, traced: Iterator[Traced], by: By) -> None:
    sample, rows = Sample(PAGE_ATTEMPTS), {}
    for span, row in traced:
        if sample.add(span):
            rows[span.job, span.index] = row
    file.write(_page(sample, rows, by).encode(errors="replace"))


def timeline_page(backends: Backends, job: Job, *, attempts: int) -> str:
    """Return the timeline page of one job. At most `attempts` attempts are drawn, and only their rows are read."""
    sample = Sample(attempts)
    for view in backends.queue.tasks(job):
        for span in spans(job.name, view):
            sample.add(span)
    rows = read_rows(backends, job, {span.index for span in sample.spans})
    return _page(sample, {(job.name, index): row for index, row in rows.items()}, By.CONSUMER)


def _page(sample: Sample, rows: Rows, by: By) -> str:
    names = list(dict.fromkeys(span.job for span in sample.spans))
    title = f"{names[0]}: timeline" if len(names) == 1 else f"{len(names)} jobs: timeline"
    return render_page("timeline.html", title=title, scripts=[SCRIPT], drawing=make_drawing(sample, rows, by))


# ------------------------------------------------------------------ a table
def _csv(file: BinaryIO, traced: Iterator[Traced], by: By) -> None:
    rows = (
        [s.job, s.index, s.attempt, s.consumer, s.cause, s.code, _iso(s.start), s.seconds, s.staging, s.saving]
        for s, _ in traced
    )
    write_csv(file, _CSV, rows)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


# ------------------------------------------------------------------ a Chrome trace
def _trace(file: BinaryIO, traced: Iterator[Traced], by: By) -> None:
    """Write a JSON object in the "Trace Event Format" (Google, 2016), for chrome://tracing and Perfetto."""
    kept = list(traced)
    rows = {(span.job, span.index): row for span, row in kept}
    found = find_uncovered(span for span, _ in kept)
    origin = min((span.start - span.lead for span in found), default=0.0)
    about = {"generator": "kubeque", "origin": format_time(origin) if found else ""}
    file.write(b'{"displayTimeUnit":"ms","otherData":' + json.dumps(about).encode() + b',"traceEvents":[')
    for number, event in enumerate(_events(found, rows, by, origin)):
        file.write((b",\n" if number else b"\n") + json.dumps(event).encode())
    file.write(b"\n]}\n")


def _events(
    found: Sequence[Span], rows: dict[tuple[str, int], dict[str, str]], by: By, origin: float
) -> Iterator[dict[str, Any]]:
    made = lanes(found, by)
    jobs = list(dict.fromkeys(span.job for span in found))
    named: set[tuple[int, int]] = set()
    free: dict[int, int] = {}
    for span, lane in zip(found, made.of, strict=True):
        pid, tid = (1 if by is By.CONSUMER else jobs.index(span.job) + 1), lane + 1
        if (pid, tid) not in named:
            if pid not in {other for other, _ in named}:
                yield _named("process_name", pid, 0, name="consumers" if by is By.CONSUMER else span.job)
            named.add((pid, tid))
            yield _named("thread_name", pid, tid, name=made.labels[lane])
            yield _named("thread_sort_index", pid, tid, sort_index=tid)
        about = {
            "job": span.job, "index": span.index, "attempt": span.attempt, "cause": span.cause,
            "consumer": consumer_label(span.consumer), "staging_seconds": span.staging,
            "saving_seconds": span.saving, **({} if span.code is None else {"exit_code": span.code}),
            "parameters": {k: v for k, v in rows[span.job, span.index].items() if k != "index"},
        }  # fmt: skip
        parts: tuple[tuple[str, str, float, float, dict[str, Any]], ...] = (
            ("bringing inputs", "staging", span.start - span.lead, span.start, {}),
            (f"{span.job} {span.index}", str(span.cause), span.start, span.end, about),
            ("storing results", "saving", span.end, span.end + span.trail, {}),
        )
        for name, category, begin, end, args in parts:
            # Bars of one thread must not overlap, even after their times are rounded.
            ts = max(round((begin - origin) * 1e6), free.get(tid, 0))
            dur = max(0, round((end - origin) * 1e6) - ts)
            if args or dur:
                free[tid] = ts + dur
                yield {
                    "name": name, "cat": category, "ph": "X", "ts": ts, "dur": dur, "pid": pid, "tid": tid,
                    "args": args,
                }  # fmt: skip


def _named(what: str, pid: int, tid: int, **args: Any) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": args}


# ------------------------------------------------------------------ a picture
def _png(file: BinaryIO, traced: Iterator[Traced], by: By) -> None:
    from kubeque.jobs.reports.timeline_png import draw

    draw(file, find_uncovered(span for span, _ in traced), by)


WRITERS: dict[str, Callable[[BinaryIO, Iterator[Traced], By], None]] = {
    ".html": _html,
    ".json": _trace,
    ".csv": _csv,
    ".png": _png,
}
