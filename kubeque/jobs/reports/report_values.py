"""Compute the values of the template `report.html`: verdict, counts, advice, failures, timeline and table."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from kubeque.clusters.open import is_local
from kubeque.jobs.reports.drawing import Rows, Sample, make_drawing
from kubeque.jobs.reports.failure_output import FailureOutput
from kubeque.jobs.reports.html_page import format_time
from kubeque.jobs.reports.usage_curves import TaskUsage, draw_usage
from kubeque.jobs.results.table import TaskRow
from kubeque.lazy_dataclass import dataclass
from kubeque.model.command.command import format_word
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.job.task import TaskState
from kubeque.model.quantities import format_bytes, format_seconds
from kubeque.model.rows.column_names import FACTS, out_column
from kubeque.model.stats.advice import AttemptStats, advise
from kubeque.model.stats.failure_groups import Group
from kubeque.model.stats.place_rates import format_place_rates
from kubeque.model.stats.spans import By
from kubeque.model.sweep.unused_options import unused_note
from kubeque.model.text import printable
from kubeque.queues.state_letters import MEANING, squeeze

#: Maximum number of parameter columns in the table, and maximum number of value columns.
_COLUMNS = 30
#: Maximum length of a cell, characters.
_CELL = 120
#: A text that is a number, or missing, as for table.js.
_NUMBER = re.compile(r"([-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)?", re.IGNORECASE)
#: Minimum width of a state in the bar of counts, as a share of the bar. A rare state is then still visible.
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
    #: Statistics of the attempts.
    seen: AttemptStats
    #: The largest groups of similar failures.
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
    #: One letter for each of the first tasks, as `state_letter` returns it.
    letters: str = ""
    #: Value of a `push` option for a file of this machine that tasks did not find; empty without one.
    unsent: str = ""
    #: The end of stderr of the first task of each of the largest groups of failures.
    outputs: Sequence[FailureOutput] = ()


@dataclass(frozen=True, slots=True)
class BarPart:
    """One state in the bar of counts. The bar is 100 units wide."""

    name: str
    #: CSS class.
    colour: str
    #: Number of tasks in the state.
    tasks: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Head:
    """A heading of the table of tasks."""

    name: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the table of tasks."""

    text: str
    is_number: bool = False
    #: The exact value by which the page sorts; None to sort by `text`.
    value: str | None = None
    #: The whole text of a long value; otherwise empty.
    title: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of the table of tasks."""

    cells: Sequence[Cell]
    is_failed: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The table of tasks."""

    heads: Sequence[Head] = ()
    rows: Sequence[TableRow] = ()
    #: Number of columns that are not shown.
    left_out: int = 0


def report_values(c: Content) -> dict[str, Any]:
    """Return the variables of the template `report.html`."""
    job = c.job
    unsent = ["kubeque", "sub", "--like", job.name, "-n", job.name, "--repair", "-u", c.unsent]
    has_gpu = any(each.usage.mean_gpu is not None for each in c.usages)
    return {
        "job": job, "state": _state(job), "verdict": _verdict(c.counts), "bar": _bar(c.counts), "facts": _facts(c),
        "command": _command(c.spec), "advice": _advice(c),
        "causes": sorted(c.causes.items(), key=lambda item: -item[1]), "groups": c.groups, "outputs": c.outputs,
        "format_row": _format_row,
        "unsent": shlex.join(unsent) if c.unsent else "", "marks": _marks(c),
        "drawing": make_drawing(c.sample, c.rows, By.CONSUMER),
        "has_gpu": has_gpu, "usages": [draw_usage(each, has_gpu=has_gpu) for each in c.usages], "table": _table(c),
        "quoted_name": shlex.quote(job.name), "now": c.now,
    }  # fmt: skip


def _marks(c: Content) -> dict[str, Any]:
    """Return the values for the grid of tasks, in the same form as for the page of sweeps in Airflow."""
    return {
        "marks": squeeze(c.letters), "meaning": MEANING,
        "page": len(c.letters) + 1,  # more than the letters here, so that the grid offers no further page
        "left_out": c.job.n - len(c.letters),
    }  # fmt: skip


def _state(job: Job) -> str:
    if job.closing is None:
        return "running"
    return "success" if job.closing.success else "failed" if job.state == "active" else str(job.state)


def _facts(c: Content) -> list[tuple[str, str]]:
    """Return pairs of name and value for the list of facts below the bar of counts."""
    job, seen = c.job, c.seen
    facts = [("submitted", format_time(job.created))]
    if job.closing is not None:
        facts.append(("ended", format_time(job.closing.at)))
    if seen.attempts:
        facts += [
            ("from first start to last end", format_seconds(seen.span)),
            ("running time in all", format_seconds(seen.running)),
            ("attempts", f"{seen.attempts:,}"), ("consumers", f"{len(seen.consumers):,}"),
        ]  # fmt: skip
    if rates := format_place_rates(seen):
        facts.append(("consumers by place", rates))
    if seen.times:
        facts.append(
            ("ok task (median, 95 %, longest)", " · ".join(format_seconds(seen.time(q)) for q in (0.5, 0.95, 1)))
        )
    if seen.peak:
        asked = f" of {format_bytes(memory)}" if (memory := job.shapes[0].memory) else ""
        facts.append(("peak memory", format_bytes(seen.peak) + asked))
    return facts


def _verdict(counts: Counts) -> str:
    if counts.ok == counts.total:
        return f"all {counts.ok:,} tasks are ok" if counts.ok != 1 else "the task is ok"
    parts = [f"{n:,} {name}" for name, n in counts.to_wire().items() if n and name != "ok"]
    return f"{counts.ok:,} of {counts.total:,} tasks are ok; {', '.join(parts)}"


def _bar(counts: Counts) -> list[BarPart]:
    """Return the parts of the bar of counts.

    Each share is at least _THINNEST, so that a rare state is visible. Then the shares are scaled to a sum of 1.
    """
    tasks = {name: n for name, _ in _COUNTS if (n := getattr(counts, name))}
    shares = {name: max(n / counts.total, _THINNEST) for name, n in tasks.items()}
    start, parts = 0.0, []
    for name, colour in _COUNTS:
        if name in tasks:
            width = 100 * shares[name] / sum(shares.values())
            parts.append(BarPart(name, colour, tasks[name], start, width))
            start += width
    return parts


def _command(spec: JobSpec) -> str:
    words = map(format_word, spec.command)
    return " ".join(words if spec.shell else map(shlex.quote, words))


def _advice(c: Content) -> list[str]:
    note = unused_note(c.spec.image, c.spec.pod) if is_local(c.spec.cluster) else ""
    return [*([f"Options {note}."] if note else []), *advise(c.job, c.seen)]


def _format_row(index: int, row: Mapping[str, str]) -> str:
    values = " ".join(f"{name}={value}" for name, value in row.items() if name != "index")
    return f"{index}: {values}" if values else str(index)


# ------------------------------------------------------------------ the table
def _table(c: Content) -> Table:
    if not c.listed:
        return Table()
    every = list(c.listed[0].parameters())
    outs = list(dict.fromkeys(name for line in c.listed for name in line.out))
    columns, values = every[:_COLUMNS], outs[:_COLUMNS]
    names = ["index", *columns, *map(out_column, values), *FACTS]
    rows = [_values(line, columns, values) for line in c.listed]
    numeric = [all(_is_number(row[i]) for row in rows) for i in range(len(names))]
    peak = names.index("peak_memory", 1 + len(columns) + len(values))
    sizes = {peak, peak + 2}
    return Table(
        [Head(name, is_number) for name, is_number in zip(names, numeric, strict=True)],
        [
            TableRow(
                [_cell(value, numeric[i], size=i in sizes) for i, value in enumerate(row)],
                line.view.state is TaskState.FAILED,
            )
            for line, row in zip(c.listed, rows, strict=True)
        ],
        len(every) - len(columns) + len(outs) - len(values),
    )


def _values(line: TaskRow, columns: Sequence[str], outs: Sequence[str]) -> list[Any]:
    facts, out, row = line.facts(), line.out, line.parameters()
    return [line.view.index, *(row[name] for name in columns), *(out.get(name) for name in outs), *facts.values()]


def _is_number(value: Any) -> bool:
    """True for a number, a missing value, and a text that is a number, as parameters are."""
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, (int, float, type(None)))


def _cell(value: Any, is_number: bool, *, size: bool) -> Cell:
    if value is None:
        return Cell("")
    if size and isinstance(value, int):
        return Cell(format_bytes(value), True, str(value))
    if isinstance(value, float):
        return Cell(f"{value:.6g}", True, repr(value))
    word = str(value).lower() if isinstance(value, bool) else str(value)
    return Cell(printable(word, _CELL), is_number, title=word if len(word) > 30 else "")
