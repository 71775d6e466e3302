"""Compute the timeline on a page: values of its controls, and columns of numbers for the script timeline.js."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kubeque.jobs.reports.html_page import SHOWN
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.stats.spans import By, Span, find_uncovered, lanes
from kubeque.model.text import printable

#: Name of the script that draws the timeline.
SCRIPT = "timeline.js"
#: Maximum total length of the parameters on the page, characters. Further rows are omitted.
_ROW_CHARACTERS = 8_000_000
#: Maximum length of a parameter in characters, and maximum number of parameters of a row.
_VALUE_CHARACTERS = 60
_COLUMNS = 12

#: Parameters of a task, by job and index.
Rows = Mapping[tuple[str, int], Mapping[str, str]]


class Sample:
    """The attempts that a timeline draws.

    If a job has more attempts than the limit, only every second attempt is drawn, or every fourth, eighth and so on.
    Attempts that are not ok have a separate limit. So a few failures among a million successes are all drawn.
    """

    def __init__(self, limit: int) -> None:
        #: Number of all attempts by cause.
        self.causes: Counter[Cause] = Counter()
        self._ok, self._others = _Thinned(limit * 4 // 5), _Thinned(limit // 5)

    def add(self, span: Span) -> bool:
        """Add an attempt. Return True if the sample keeps the attempt. A later call may remove the attempt again."""
        self.causes[span.cause] += 1
        return (self._ok if span.cause is Cause.OK else self._others).add(span)

    @property
    def seen(self) -> int:
        """Number of all attempts."""
        return self.causes.total()

    @property
    def spans(self) -> list[Span]:
        return [*self._ok.kept, *self._others.kept]


class _Thinned:
    def __init__(self, limit: int) -> None:
        self.kept: list[Span] = []
        self._limit, self._stride, self._seen = limit, 1, 0

    def add(self, span: Span) -> bool:
        self._seen += 1
        if (self._seen - 1) % self._stride:
            return False
        self.kept.append(span)
        if len(self.kept) > self._limit:
            self.kept = self.kept[::2]
            self._stride *= 2
        return True


@dataclass(frozen=True, slots=True)
class Drawing:
    """The values of the template `drawing.html`. Times are Unix seconds."""

    #: Number of all attempts, and number of the attempts in `data`.
    seen: int
    drawn: int
    #: Start of the first attempt of `data`, and seconds from this start to the last end.
    first: float
    seconds: float
    #: Number of all attempts by cause, without the causes that no attempt has.
    causes: Sequence[tuple[Cause, int]]
    #: True if the timeline shows time in which a consumer only downloaded inputs or uploaded results.
    stages: bool
    #: The kinds of lanes from which the user can choose.
    by: Sequence[By]
    #: The attempts and their parameters, for timeline.js.
    data: Mapping[str, Any]


def make_drawing(sample: Sample, rows: Rows, by: By) -> Drawing:
    """Return the timeline of the attempts of a sample.

    `rows`: the parameters of the tasks. `by`: the lanes that the page shows first.
    """
    found = find_uncovered(sample.spans)
    causes = [cause for cause in Cause if sample.causes[cause]]
    first = min((span.start for span in found), default=0.0)
    return Drawing(
        seen=sample.seen, drawn=len(found), first=first,
        seconds=max((span.end for span in found), default=0.0) - first,
        causes=[(cause, sample.causes[cause]) for cause in causes],
        stages=any(span.lead > 0 or span.trail > 0 for span in found), by=list(By),
        data=_columns(found, rows, causes, by),
    )  # fmt: skip


def _columns(found: Sequence[Span], rows: Rows, causes: Sequence[Cause], by: By) -> dict[str, Any]:
    origin = min((span.start for span in found), default=0.0)
    jobs = list(dict.fromkeys(span.job for span in found))
    consumers = list(dict.fromkeys(span.consumer for span in found))
    columns = {job: _named(next((row for (of, _), row in rows.items() if of == job), {})) for job in jobs}
    number = {name: i for i, name in enumerate(jobs)}
    place = {name: i for i, name in enumerate(consumers)}
    where, values = _values(found, rows, columns)

    def ms(seconds: float) -> int:
        return round(seconds * 1000)

    return {
        "origin": ms(origin), "by": by, "jobs": [printable(job, SHOWN) for job in jobs], "causes": causes,
        "consumers": [printable(owner, SHOWN) for owner in consumers],
        "columns": [[printable(name, _VALUE_CHARACTERS) for name in columns[job]] for job in jobs], "rows": values,
        "lanes": {one: _lanes(found, one, single=len(jobs) == 1) for one in By},
        "spans": {
            "job": [number[s.job] for s in found], "index": [s.index for s in found],
            "attempt": [s.attempt for s in found], "consumer": [place[s.consumer] for s in found],
            "cause": [causes.index(s.cause) for s in found], "code": [s.code for s in found],
            "start": [ms(s.start - origin) for s in found], "ms": [ms(s.seconds) for s in found],
            "lead": [ms(s.lead) for s in found], "trail": [ms(s.trail) for s in found],
            "staging": [ms(s.staging) for s in found], "saving": [ms(s.saving) for s in found], "row": where,
        },
    }  # fmt: skip


def _lanes(found: Sequence[Span], by: By, *, single: bool) -> dict[str, Any]:
    made = lanes(found, by)
    labels = [label.rpartition(" ")[2] if single and by is By.TASK else printable(label, 80) for label in made.labels]
    return {"labels": labels, "of": made.of}


def _named(row: Mapping[str, str]) -> list[str]:
    return [column for column in row if column != "index"][:_COLUMNS]


def _values(
    found: Sequence[Span], rows: Rows, columns: Mapping[str, Sequence[str]]
) -> tuple[list[int], list[list[str]]]:
    """Return two lists. First: for each span, the position of its row in the second list (-1 if the row is omitted).

    Second: the rows, each with its shown values.
    """
    numbers: dict[tuple[str, int], int] = {}
    values: list[list[str]] = []
    left = _ROW_CHARACTERS
    for span in found:
        key = span.job, span.index
        if key in numbers or key not in rows or left <= 0:
            continue
        numbers[key] = len(values)
        values.append([printable(rows[key].get(name, ""), _VALUE_CHARACTERS) for name in columns[span.job]])
        left -= sum(map(len, values[-1]))
    return [numbers.get((span.job, span.index), -1) for span in found], values
