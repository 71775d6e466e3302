"""Text about groups of failed tasks, one line for each group, for a terminal, a log or an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kubeque.model.job.task import Cause
from kubeque.model.stats.failure_groups import Group
from kubeque.model.text import printable

#: Number of rows that a line names, and number of groups that have a line.
_ROWS, _GROUPS = 3, 10


def format_groups(
    groups: Sequence[Group], limit: int, read_message: Callable[[Group], str] | None = None
) -> Iterator[str]:
    """Yield one line for each of the largest groups: `11 x exit code 1: ValueError: x (rows 3, 8, 13 and 8 more)`.

    `limit`: maximum number of characters of a message. `read_message`: returns the message of a group in place of the
    one that the group has.
    """
    for group in groups[:_GROUPS]:
        message = read_message(group) if read_message else group.message
        yield f"{group.count} x {reason(group.cause, message, limit)} ({name_rows(group)})"
    rest = groups[_GROUPS:]
    if rest:
        tasks = sum(group.count for group in rest)
        yield f"{tasks} x {len(rest)} other reason{'s' * (len(rest) != 1)}"


def reason(cause: Cause, message: str, limit: int) -> str:
    """Return why tasks failed: the cause and the message, or the message alone if it has the exit code."""
    text = printable(last_line(message, limit), limit)
    if cause is Cause.EXIT and text.startswith("exit code"):
        return text
    return f"{cause}: {text}" if text else str(cause)


def last_line(message: str, limit: int) -> str:
    """Return a message without its lines of code, if it is longer than `limit`: the last line names the error."""
    before, also, last = message.rpartition(" | ")
    return f"{before.partition(': ')[0]}: {last}" if also and len(message) > limit else message


def name_rows(group: Group) -> str:
    """Return the first rows of a group and the number of the others; a single row with its values."""
    indexes = [index for index, _ in group.first[:_ROWS]]
    if group.count == 1:
        values = (f"{name}={printable(value)}" for name, value in group.first[0][1].items() if name != "index")
        return " ".join([f"row {indexes[0]}", *values])
    more = group.count - len(indexes)
    if more > 0:
        return f"rows {', '.join(map(str, indexes))} and {more} more"
    return f"rows {', '.join(map(str, indexes[:-1]))} and {indexes[-1]}"
