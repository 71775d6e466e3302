"""The failed tasks of a job in groups, one line for each group, as `sub`, `watch` and `show` print them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial

from kubeque.cli.output.terminal import wrap_words
from kubeque.client import Client, Progress
from kubeque.model.stats.failure_groups import Group
from kubeque.model.stats.failure_text import format_groups
from kubeque.model.text import CUT_MARK, VALUE_CHARACTERS, keep_last_line

#: Terminal cells in the line about a group that are not available for its message: they show the number and the rows.
_ROWS_CELLS = 40


def read_groups(client: Client, progress: Progress) -> Sequence[Group]:
    """Return the failed tasks of a job in groups, the largest first."""
    return client.reader.failures(progress.job, progress.counts).groups if progress.counts.failed else ()


def format_failed_groups(client: Client, name: str, groups: Sequence[Group]) -> Iterator[str]:
    """Yield one line for each of the largest groups of failed tasks.

    On a terminal, a message is cut to the size of two screen lines. A message that does not fit into its line keeps
    only the line of the program's output that names the error. In a pipe or a file, messages are not cut.
    """
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    read = partial(_read_message, client, name, max(0, columns - _ROWS_CELLS))
    for line in format_groups(groups, max(VALUE_CHARACTERS, 2 * columns), read):
        yield wrap_words(f"  {line}", "    ")


def _read_message(client: Client, name: str, room: int, group: Group) -> str:
    """Return the message of a group. If it is longer than `room` characters, return only its line with the error.

    If the message in the queue was cut, read the whole message of the group's first task from the store.
    """
    message = group.message
    if message.endswith(CUT_MARK):
        result = client.task(name, group.first[0][0]).result or {}
        message = str(result.get("message") or message)
    return keep_last_line(message, room)
