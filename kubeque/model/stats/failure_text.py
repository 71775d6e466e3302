"""Text about groups of failed tasks, one line for each group, for a terminal, a log or an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kubeque.model.job.causes import Cause
from kubeque.model.stats.failure_groups import Group
from kubeque.model.text import format_count, keep_last_line, printable

#: Maximum number of rows that a line names, and maximum number of groups that have a line.
_ROWS, _GROUPS = 3, 10


def format_groups(
    groups: Sequence[Group], limit: int, read_message: Callable[[Group], str] | None = None
) -> Iterator[str]:
    """Yield a line for each of the largest groups, for example `11 x exit code 1: bad x (rows 3, 8, 13 and 8 more)`.

    A last line has the number of tasks in further groups. `groups`: the groups, the largest first. `limit`: maximum
    number of characters of a message. `read_message`: function that returns the message to show for a group; None to
    show `Group.message`.
    """
    for group in groups[:_GROUPS]:
        message = read_message(group) if read_message else group.message
        yield f"{group.count} x {reason(group.cause, message, limit)} ({name_rows(group)})"
    rest = groups[_GROUPS:]
    if rest:
        tasks = sum(group.count for group in rest)
        yield f"{tasks} x {format_count(len(rest), 'other reason')}"


def reason(cause: Cause, message: str, limit: int) -> str:
    """Return the cause and the message of a failure as one text.

    A message that begins with the exit code is returned without the cause `exit`. `limit`: maximum number of characters
    of the message.
    """
    text = printable(keep_last_line(message, limit), limit)
    if cause is Cause.EXIT and text.startswith("exit code"):
        return text
    return f"{cause}: {text}" if text else str(cause)


def name_rows(group: Group) -> str:
    """Return a text with the indexes of the first rows of a group, and the number of further rows.

    For a group of one row, the text also has the values of this row.
    """
    indexes = [index for index, _ in group.first[:_ROWS]]
    if group.count == 1:
        values = (f"{name}={printable(value)}" for name, value in group.first[0][1].items() if name != "index")
        return " ".join([f"row {indexes[0]}", *values])
    more = group.count - len(indexes)
    if more > 0:
        return f"rows {', '.join(map(str, indexes))} and {more} more"
    return f"rows {', '.join(map(str, indexes[:-1]))} and {indexes[-1]}"
