"""The output of failed rows, for the log of the Airflow task that waited for them.

The log and the page show this output only to users with the right to read the logs of the DAG.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from kubeque.client import Client
from kubeque.model.errors import KubequeError
from kubeque.model.job.job import Job
from kubeque.model.stats.failure_groups import Group
from kubeque.model.stats.failure_text import name_rows, reason
from kubeque.model.text import printable, render_terminal

#: Maximum number of groups of failures whose output is shown, and maximum number of lines of each output.
_GROUPS, _LINES = 5, 15
#: Maximum length of a line and of the message of a group, in characters.
_LINE_CHARACTERS, _MESSAGE_CHARACTERS = 500, 120


def failure_output(client: Client, job: Job, groups: Sequence[Group]) -> Iterator[str]:
    """Yield one text for each of the largest groups of failures: the group, and the end of stderr of its first row.

    If this row wrote nothing to stderr, the text contains the end of its stdout. A group without any output is left
    out.
    """
    for group in groups[:_GROUPS]:
        index = group.first[0][0]
        stream, lines = next(
            ((name, found) for name in ("stderr", "stdout") if (found := _tail(client, job, index, name))), ("", [])
        )
        if lines:
            failed = f"{group.count} x {reason(group.cause, group.message, _MESSAGE_CHARACTERS)} ({name_rows(group)})"
            yield "\n".join([f"{failed}; the end of {stream} of row {index}:", *(f"    {line}" for line in lines)])


def _tail(client: Client, job: Job, index: int, stream: str) -> list[str]:
    """Return the last lines of a stream; an empty list if there are none, or if they cannot be read now."""
    with suppress(KubequeError):
        text = render_terminal(client.reader.peek(job, index, stream).tail.text)
        lines = [line.rstrip() for line in text.splitlines()]
        return [printable(line.expandtabs(4), _LINE_CHARACTERS) for line in lines if line][-_LINES:]
    return []
