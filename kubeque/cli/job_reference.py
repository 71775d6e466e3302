"""References to a job: its name, the beginning of its name, or `@` for the job that the user submitted last."""

from __future__ import annotations

import re
import sys

from kubeque.cli.output.interrupt import confirm
from kubeque.client import Client
from kubeque.model.errors import JobNotFound, JobUnreadable, UserError
from kubeque.model.suggestions import find_similar
from kubeque.model.text import format_count, printable

#: Pattern of a reference to a recent submission: `@` is the last submission, `@2` is the one before the last.
_RECENT = re.compile(r"@([1-9][0-9]{0,5})?")
#: Number of names that an error lists.
_LISTED = 4


def find_job(client: Client, reference: str) -> str:
    """Return the name of a job for a command that only shows jobs.

    `reference`: an exact name, `@` for the last submission, or the beginning of only one name. Raises JobNotFound if no
    job matches. Raises UserError if several names begin with `reference`.
    """
    if _RECENT.fullmatch(reference):
        return _recent(client, reference)
    if _exists(client, reference):
        return reference
    names = _names(client)
    found = [name for name in names if reference and name.startswith(reference)]
    if len(found) > 1:
        raise UserError(f"{len(found)} jobs begin with {reference!r}: {_list(found)}; write more of the name")
    if not found:
        raise _not_found(reference, names)
    return found[0]


def exact_job(client: Client, reference: str, verb: str, *, asks: bool = False, err: bool = False) -> str:
    """Return the name of a job for a command that changes the job.

    `reference`: an exact name, or `@` for the last submission. For `@`, the user must confirm the name on a terminal,
    for example "kill rf-2?". `verb`: first word of this question. `asks`: True to skip this question, because the
    command itself asks a question later. `err`: True to print the question on standard error. Raises JobNotFound.
    Raises Declined if the user answers no. Raises UserError for `@` without a terminal.
    """
    if not _RECENT.fullmatch(reference):
        if not _exists(client, reference):
            raise _not_found(reference, _names(client))
        return reference
    name = _recent(client, reference)
    if asks:
        return name
    if not sys.stdin.isatty():
        raise UserError(
            f"{reference} is {name} now, and cannot be confirmed without a terminal: write the name after {verb}"
        )
    confirm(f"{verb} {name}?", err=err)
    return name


def _exists(client: Client, name: str) -> bool:
    try:
        client.job(name)
    except JobUnreadable:
        return True
    except JobNotFound:
        return False
    return True


def _recent(client: Client, reference: str) -> str:
    """Return the name of the job for a reference such as `@2`. Removed jobs do not count. Raises JobNotFound."""
    number, found = int(reference[1:] or 1), 0
    for name in client.recent_names():
        found += _exists(client, name)
        if found == number:
            return name
    jobs = f"only {format_count(found, 'job')}" if found else "no job"
    raise JobNotFound(
        f"{reference}: {jobs} of this queue {'was' if found < 2 else 'were'} submitted from this home folder:"
        " kubeque list shows all jobs"
    )


def _names(client: Client) -> list[str]:
    return [job.name for job in client.jobs()] + [job.name for job in client.unreadable_jobs()]


def _not_found(reference: str, names: list[str]) -> JobNotFound:
    near = find_similar(reference, names, _LISTED)
    hint = f"did you mean {' or '.join(map(printable, near))}?" if near else "kubeque list shows all jobs"
    return JobNotFound(f"there is no job {reference!r}: {hint}")


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(printable, names[:_LISTED])) + more
