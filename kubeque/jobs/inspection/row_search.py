"""Search the table of a job, and sort the tasks that match."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator

from kubeque.jobs.backends import Backends
from kubeque.jobs.results.ranking import rank_indexes
from kubeque.jobs.results.table import TaskRow, lines
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.rows.conditions import Condition, parse_condition
from kubeque.model.stats.failure_groups import mark_message

_Test = Callable[[TaskRow], bool]


@dataclass(frozen=True, slots=True)
class RowSearch:
    """A search in the table of a job. An empty field sets no condition."""

    #: Column of the table by which tasks are sorted; empty: by index.
    sort: str = ""
    descending: bool = False
    state: str = ""
    #: Cause of the failure, and mark of the failure's message (see `mark_message`).
    cause: str = ""
    mark: str = ""
    #: Words with spaces between. A word such as `lr>0.1` is a condition. Any other word must be in a parameter's value.
    words: str = ""
    #: Parameters whose values are not searched for words.
    hidden: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if the search has neither a condition nor a sort column."""
        return not (self.sort or self.state or self.cause or self.mark or self.words)

    @property
    def columns(self) -> list[str]:
        """Columns whose values decide which tasks match, or in which order the tasks are sorted."""
        conditions = (_read_condition(word) for word in self.words.split())
        return [self.sort, *(found.column for found in conditions if found is not None)]


def search_rows(backends: Backends, job: Job, search: RowSearch) -> array[int]:
    """Return the indexes of the tasks that match `search`, in the order that `search` requires. Reads all tasks.

    Raises UserError, StorageError.
    """
    found = _filter(lines(backends, job, state=search.state or None), search)
    if search.sort:
        return array("I", rank_indexes(found, search.sort, descending=search.descending))
    return array("I", (line.view.index for line in found))


def _filter(found: Iterator[TaskRow], search: RowSearch) -> Iterator[TaskRow]:
    tests = [_has_word(word, search.hidden) for word in search.words.split()]
    if search.cause:
        tests.append(lambda line: line.facts()["cause"] == search.cause)
    if search.mark:
        tests.append(lambda line: mark_message(line.facts()["message"] or "") == search.mark)
    return (line for line in found if all(test(line) for test in tests))


def _has_word(word: str, hidden: tuple[str, ...]) -> _Test:
    condition, wanted = _read_condition(word), word.casefold()
    if condition is not None:
        return lambda line: condition.holds(line.value(condition.column))
    return lambda line: any(wanted in text.casefold() for name, text in line.row.items() if name not in hidden)


def _read_condition(word: str) -> Condition | None:
    try:
        return parse_condition(word)
    except UserError:
        return None
