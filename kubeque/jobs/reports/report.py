"""Make `report.html`, a self-contained page about a job. It is stored when the job is closed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from kubeque.files.layout import report_url
from kubeque.files.output import check_file, write_file
from kubeque.jobs.backends import Backends
from kubeque.jobs.reports.drawing import SCRIPT, Sample
from kubeque.jobs.reports.failure_output import read_failure_outputs
from kubeque.jobs.reports.html_page import render_page
from kubeque.jobs.reports.report_values import Content, report_values
from kubeque.jobs.reports.unsent_files import find_unsent_module
from kubeque.jobs.reports.usage_curves import Longest, read_usages
from kubeque.jobs.results.table import TaskRow, lines
from kubeque.model.errors import StorageError, UserError
from kubeque.model.job.changes import close_job
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskState
from kubeque.model.stats.advice import AttemptStats
from kubeque.model.stats.failure_groups import Groups
from kubeque.model.stats.spans import spans
from kubeque.queues.state_letters import state_letter

log = logging.getLogger(__name__)
#: Maximum number of tasks that the page lists.
LISTED = 1000
#: Maximum number of tasks that the grid of the page shows.
MARKED = 100_000
#: Endings that the file name of a report may have. A name without an ending, such as /dev/stdout, is also possible.
_SUFFIXES = ("", ".html", ".htm")
#: Maximum number of attempts that the page draws.
DRAWN = 5000

_SCRIPTS = (
    SCRIPT, "table.js", "shared/make.js", "shared/format.js", "shared/states.js", "shared/grid.js", "report.js",
)  # fmt: skip


def keep_report(backends: Backends, job: Job, counts: Counts, found: Iterable[TaskRow], at: float) -> None:
    """Store the report of a run that ends now, if it is not stored yet. Errors are logged, not raised."""
    try:
        ended = close_job(job, counts, at, killed_rows=backends.queue.killed_rows(job))
        backends.files.write_new(report_url(job), make_report(backends, ended, counts, found).encode(errors="replace"))
    except Exception:
        log.warning("%s: the report could not be stored: run kubeque report to write a report", job.name, exc_info=True)


def write_report(backends: Backends, job: Job, counts: Counts, dest: Path | str) -> None:
    """Write the report of a job in its current state to `dest`, a path or a URL.

    Raises UserError if the name is not that of an HTML file. Raises DestinationError, StorageError.
    """
    if str(dest) == "-":
        raise UserError("-: a report is not written to the standard output: give a file such as report.html")
    if (suffix := Path(dest).suffix.lower()) not in _SUFFIXES:
        raise UserError(
            f"{dest}: a report is an HTML page, not {suffix}: give a name that ends with .html (to get a PDF, print"
            " the page in a browser)"
        )
    check_file(backends.files, dest)
    made = make_report(backends, job, counts, lines(backends, job)).encode(errors="replace")
    write_file(backends.files, dest, lambda file: file.write(made))


def make_report(backends: Backends, job: Job, counts: Counts, found: Iterable[TaskRow]) -> str:
    """Return the report as an HTML page. `found`: all tasks of the job, in order.

    Needs O(LISTED + DRAWN + MARKED) memory.
    """
    seen, groups, sample, listed = AttemptStats(), Groups(), Sample(DRAWN), list[TaskRow]()
    rows: dict[tuple[str, int], Mapping[str, str]] = {}
    causes: Counter[str] = Counter()
    longest = Longest()
    letters = list[str]()
    for line in found:
        view, outcome = line.view, line.view.record.outcome
        seen.add(view)
        longest.add(line)
        if len(letters) < MARKED:
            letters.append(state_letter(view))
        if len(listed) < LISTED:
            listed.append(line)
        if view.state is TaskState.FAILED and outcome is not None:
            groups.add(outcome, line.row)
            causes[str(outcome.cause)] += 1
        for span in spans(job.name, view):
            if sample.add(span):
                rows[span.job, span.index] = line.row
    kept = {(span.job, span.index) for span in sample.spans}
    content = Content(
        job, backends.spec(job), counts, seen, groups.largest(), listed, sample,
        {key: row for key, row in rows.items() if key in kept}, causes, backends.queue.now(),
        read_usages(backends, job, longest.lines), "".join(letters),
        _find_unsent(backends, job, groups), read_failure_outputs(backends, job, groups.largest()),
    )  # fmt: skip
    return render_page("report.html", title=f"{job.name}: report", scripts=_SCRIPTS, **report_values(content))


def _find_unsent(backends: Backends, job: Job, groups: Groups) -> str:
    """Return the result of `find_unsent_module` for the most frequent messages; empty if the store has an error."""
    with suppress(StorageError):
        return find_unsent_module(backends, job, [group.message for group in groups.largest()])
    return ""
