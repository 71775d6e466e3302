"""The body of report.html: verdict, counts, advice, failures, timeline and table."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kubeque.clusters.open import is_local
from kubeque.jobs.reports.html_page import text
from kubeque.jobs.reports.timeline_part import Rows, Sample, timeline_part
from kubeque.jobs.reports.usage_part import TaskUsage, usage_part
from kubeque.jobs.results.table import TaskRow
from kubeque.lazy_dataclass import dataclass
from kubeque.model.command.command import format_word as written
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.quantities import format_bytes, format_seconds
from kubeque.model.rows.column_names import FACTS, out_column
from kubeque.model.stats.advice import AttemptStats, advise
from kubeque.model.stats.failure_groups import NAMED, Group
from kubeque.model.stats.spans import By
from kubeque.model.sweep.unused_options import unused_note

#: Maximum number of parameter columns in the table, and maximum number of value columns.
_COLUMNS = 30
#: Maximum length of a cell, characters.
_CELL = 120
#: Minimum width of a state in the bar of counts, as a share of the bar. It makes a rare state visible.
_THINNEST = 0.008
_COUNTS = (
    ("ok", "cause-ok"), ("failed", "cause-exit"), ("killed", "cause-killed"), ("running", "cause-preempted"),
    ("pending", "cause-pending"), ("held", "cause-pending"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """The contents of a report."""

    job: Job
    spec: JobSpec
    counts: Counts
    seen: AttemptStats
    groups: Sequence[Group]
    #: The first tasks of the job, for the table.
    listed: Sequence[TaskRow]
    #: The attempts that the timeline draws.
    sample: Sample
    #: The parameters of the tasks in `sample`.
    rows: Rows
    #: Number of failed tasks by cause.
    causes: Mapping[str, int]
    #: Time of the report, Unix seconds.
    now: float
    #: CPU, memory and GPU use of the longest tasks.
    usages: Sequence[TaskUsage] = ()
    #: File of a module that tasks did not find and that this machine has; empty without one.
    unsent: str = ""


def report_body(c: Content) -> str:
    """Return the page's body as HTML."""
    parts = ["<main>", *_head(c), *_advice(c), *_failures(c)]
    if c.sample.seen:
        parts += ["<h2>Timeline</h2>", timeline_part(c.sample, c.rows, By.CONSUMER)]
    return "\n".join([*parts, *usage_part(c.usages), *_table(c), *_foot(c), "</main>"])


def _head(c: Content) -> Iterator[str]:
    job, counts = c.job, c.counts
    word = "running"
    if job.closing is not None:
        word = "success" if job.closing.success else "failed" if job.state == "active" else str(job.state)
    reason = f" ({text(job.reason)})" if job.reason else ""
    yield f"<header><h1><bdi>{text(job.name)}</bdi></h1>"
    yield f'<p class="verdict"><strong>{text(word)}</strong>{text(_verdict(counts))}{reason}</p>'
    yield _bar(counts)
    yield "</header>"
    seen, spent = c.seen, [("submitted", _when(job.created))]
    if job.closing is not None:
        spent.append(("ended", _when(job.closing.at)))
    if seen.attempts:
        spent += [
            ("from first start to last end", format_seconds(seen.span)),
            ("running time in all", format_seconds(seen.running)),
            ("attempts", f"{seen.attempts:,}"), ("consumers", f"{len(seen.consumers):,}"),
        ]  # fmt: skip
    if seen.times:
        spent.append(("task (median, 95 %, longest)", " · ".join(format_seconds(seen.time(q)) for q in (0.5, 0.95, 1))))
    if seen.peak:
        asked = f" of {format_bytes(memory)}" if (memory := job.shapes[0].memory) else ""
        spent.append(("peak memory", format_bytes(seen.peak) + asked))
    yield '<dl class="facts">'
    yield from (f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in spent)
    yield "</dl>"
    yield f'<pre aria-label="command">{text(_command(c.spec), 4000)}</pre>'


def _verdict(counts: Counts) -> str:
    if counts.ok == counts.total:
        return f"all {counts.ok:,} tasks are ok" if counts.ok != 1 else "the task is ok"
    parts = [f"{n:,} {name}" for name, n in counts.to_wire().items() if n and name != "ok"]
    return f"{counts.ok:,} of {counts.total:,} tasks are ok; {', '.join(parts)}"


def _bar(counts: Counts) -> str:
    """Return the number of tasks in each state, as a bar with a legend."""
    at, bars, keys = 0.0, [], []
    # A minimum width makes one of a hundred thousand tasks visible.
    shares = {name: max(n / counts.total, _THINNEST) for name, _ in _COUNTS if (n := getattr(counts, name))}
    for name, kind in _COUNTS:
        n = getattr(counts, name)
        if n:
            width = 100 * shares[name] / sum(shares.values())
            bars.append(f'<rect x="{at:.3f}" width="{width:.3f}" height="10" class="{kind}"/>')
            keys.append(f'<li><span class="swatch {kind}"></span>{n:,} {name}</li>')
            at += width
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        + "".join(bars)
        + "</svg>"
        f'<ul class="keys">{"".join(keys)}</ul>'
    )


def _command(spec: JobSpec) -> str:
    said = map(written, spec.command)
    return " ".join(said if spec.shell else map(shlex.quote, said))


def _advice(c: Content) -> Iterator[str]:
    note = unused_note(c.spec.image, c.spec.pod) if is_local(c.spec.cluster) else ""
    sentences = [*([f"Options {note}."] if note else []), *advise(c.job, c.seen)]
    if sentences:
        yield "<h2>Advice</h2>"
        yield '<ul class="advice">'
        yield from (f"<li>{text(sentence, 1000)}</li>" for sentence in sentences)
        yield "</ul>"


def _failures(c: Content) -> Iterator[str]:
    if not c.groups:
        return
    causes = ", ".join(f"{n:,} {cause}" for cause, n in sorted(c.causes.items(), key=lambda item: -item[1]))
    yield f"<h2>Failures</h2>\n<p>{text(causes)}. Messages that differ in numbers only are one line.</p>"
    yield '<div class="scroll" tabindex="0" role="region" aria-label="failures"><table>'
    yield '<thead><tr><th class="n">tasks</th><th>cause</th><th>message</th><th>first of them</th></tr></thead><tbody>'
    for group in c.groups:
        first = "<br>".join(f"<bdi>{text(_row(index, row))}</bdi>" for index, row in group.first)
        more = f'<br><span class="soft">and {group.count - NAMED:,} more</span>' if group.count > NAMED else ""
        yield (
            f'<tr><td class="n">{group.count:,}</td>'
            f'<td><span class="swatch cause-{group.cause}"></span>{group.cause}</td>'
            f'<td class="mono">{text(group.message, 300) or "(no message)"}</td><td>{first}{more}</td></tr>'
        )
    yield "</tbody></table></div>"
    if c.unsent:
        words = ["kubeque", "sub", "--like", c.job.name, "-n", c.job.name, "--repair", "-u", c.unsent]
        yield f"<p><code>{text(shlex.join(words), 1000)}</code> uploads the missing files.</p>"


def _row(index: int, row: Mapping[str, str]) -> str:
    values = " ".join(f"{name}={value}" for name, value in row.items() if name != "index")
    return f"{index}: {values}" if values else str(index)


# ------------------------------------------------------------------ the table
def _table(c: Content) -> Iterator[str]:
    if not c.listed:
        return
    every = list(c.listed[0].parameters())
    outs = list(dict.fromkeys(name for line in c.listed for name in line.out))
    columns, values = every[:_COLUMNS], outs[:_COLUMNS]
    heads = ["index", *columns, *map(out_column, values), *FACTS]
    rows = [_cells(line, columns, values) for line in c.listed]
    right = [all(isinstance(row[i], (int, float, type(None))) for row in rows) for i in range(len(heads))]
    yield "<h2>Tasks</h2>"
    yield f"<p>{_format_table_note(c, len(every) - len(columns), len(outs) - len(values))}</p>"
    yield (
        '<div class="tools"><label>Only rows with <input id="filter" type="search" autocomplete="off"></label>'
        '<span id="filtered" role="status"></span></div>'
    )
    yield '<div class="scroll" tabindex="0" role="region" aria-label="tasks"><table id="tasks"><thead><tr>'
    yield "".join(
        f'<th scope="col"{_number(n)}><button type="button">{text(head, 60)}</button></th>'
        for head, n in zip(heads, right, strict=True)
    )
    yield "</tr></thead><tbody>"
    peak = heads.index("peak_memory", 1 + len(columns) + len(values))
    sizes = {peak, peak + 2}
    for row in rows:
        cells = (_cell(value, n, size=i in sizes) for i, (value, n) in enumerate(zip(row, right, strict=True)))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _cells(line: TaskRow, columns: Sequence[str], outs: Sequence[str]) -> list[Any]:
    facts, out, row = line.facts(), line.out, line.parameters()
    return [line.view.index, *(row[name] for name in columns), *(out.get(name) for name in outs), *facts.values()]


def _cell(value: Any, right: bool, *, size: bool) -> str:
    if value is None:
        return "<td></td>"
    if size and isinstance(value, int):
        return f'<td class="n" data-v="{value}">{format_bytes(value)}</td>'
    if isinstance(value, float):
        return f'<td class="n" data-v="{value!r}">{value:.6g}</td>'
    word = str(value).lower() if isinstance(value, bool) else str(value)
    whole = f' title="{text(word, 1000)}"' if len(word) > 30 else ""
    return f"<td{_number(right)}{whole}>{text(word, _CELL)}</td>"


def _number(right: bool) -> str:
    return ' class="n"' if right else ""


def _format_table_note(c: Content, more_columns: int, more_outs: int) -> str:
    parts = []
    if len(c.listed) < c.job.n:
        parts.append(f"The first {len(c.listed):,} of {c.job.n:,} tasks.")
    if more_columns + more_outs:
        parts.append(f"{more_columns + more_outs} further columns are not shown.")
    name = text(shlex.quote(c.job.name))
    parts.append(f"All of them: <code>kubeque collect {name} -o table.csv</code> (or <code>.parquet</code>).")
    return " ".join(parts)


def _foot(c: Content) -> Iterator[str]:
    job = c.job
    yield (
        f'<footer class="soft"><p>Made by kubeque at {text(_when(c.now))} from job <bdi>{text(job.name)}</bdi> '
        f"({text(job.uid)}), run {job.run}, revision {job.revision}. Results are in "
        f"<code>{text(job.url, 500)}</code>.</p></footer>"
    )


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
