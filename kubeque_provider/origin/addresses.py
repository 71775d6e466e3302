"""Detect several Airflows with one identity, for example after the database of an Airflow was copied.

Each job has the address from which it was submitted. An Airflow that moved has one address after another. If an
address comes back after another one, two Airflows submit.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import groupby

from kubeque.client import Client
from kubeque.model.errors import JobExists, JobNotFound, JobUnreadable
from kubeque.model.job.job import Job
from kubeque.model.text import printable
from kubeque_provider.airflow_versions import base_url

#: Seconds after which an address no longer counts, a month: an Airflow that moved back is not suspected for ever.
_REMEMBERED_SECONDS = 30 * 86_400.0
#: Limit of an address in a message, characters.
_CHARACTERS = 200


def submitted_from(job: Job) -> str:
    """Return the address of the Airflow that submitted a job; empty if it is not known."""
    origin = job.origin
    earlier = origin.get("deployment", "")  # before 0.3, the identity was the address
    return origin.get("address") or (earlier if "://" in earlier else "")


def submitted_at(job: Job) -> float:
    """Return the time of the last submission of a job from Airflow, Unix seconds."""
    try:
        return float(job.origin.get("submitted", ""))
    except ValueError:
        return job.created


def find_alternating(uses: Iterable[tuple[float, str]]) -> list[str]:
    """Return the addresses that were used by turns, sorted. `uses`: Unix time and address of each submission."""
    known = sorted((at, address) for at, address in uses if address)
    recent = [address for at, address in known if at > known[-1][0] - _REMEMBERED_SECONDS]
    order = [address for address, _ in groupby(recent)]
    found, last = set[str](), dict[str, int]()
    for place, address in enumerate(order):
        if address in last:
            found.update(order[last[address] : place])
        last[address] = place
    return sorted(found)


def uses_of(jobs: Iterable[Job], deployment: str) -> list[tuple[float, str]]:
    """Return time and address of the last submission of each job of an identity."""
    return [(submitted_at(job), submitted_from(job)) for job in jobs if job.origin.get("deployment") == deployment]


def describe_alternation(addresses: Sequence[str], deployment: str) -> str:
    """Return a message about Airflows that submit with one identity."""
    named = " and ".join(printable(address, _CHARACTERS) for address in addresses)
    return (
        f"Airflows at {named} submit by turns as {printable(deployment, _CHARACTERS)!r}; perhaps one has a copy of the"
        " other's database. Set another `deployment` in the kubeque connection of one of them. If they are one Airflow,"
        " set the same base_url for all of its processes"
    )


def describe_submission() -> dict[str, str]:
    """Return what a job's origin has of this submission: the address of this Airflow if it has one, and the time."""
    address = base_url()
    return ({"address": address} if address else {}) | {"submitted": f"{time.time():.3f}"}


def find_rivals(client: Client, deployment: str) -> list[str]:
    """Return the addresses that submit by turns with this Airflow, and its own. Reads all jobs of the queue."""
    own = base_url()
    found = find_alternating([*uses_of(client.jobs(), deployment), (time.time(), own)])
    return found if own in found else []


def why_foreign(client: Client, job: Job) -> str:
    """Return why this Airflow must not change a job: another Airflow with its identity made it. Empty: it may."""
    made, own = submitted_from(job), base_url()
    if not made or not own or made == own:
        return ""
    deployment = job.origin["deployment"]
    rivals = find_rivals(client, deployment)
    if made not in rivals:
        return ""
    return (
        f"the job {job.name} was submitted from {printable(made, _CHARACTERS)}, not from here, and is left alone:"
        f" {describe_alternation(rivals, deployment)}"
    )


def refuse_foreign(client: Client, name: str) -> None:
    """Raise JobExists if another Airflow with the identity of this one made the job `name`."""
    with suppress(JobNotFound, JobUnreadable):
        if reason := why_foreign(client, client.job(name)):
            raise JobExists(reason)
