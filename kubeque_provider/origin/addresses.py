"""Detect several Airflows that use the same identity, for example after the database of an Airflow was copied.

Each job stores the address of the Airflow that submitted it. If one Airflow moves to another address, the address
changes once. If the old address appears again after the new address, two Airflows submit jobs.
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

#: Seconds after which the use of an address no longer counts (30 days). An Airflow that moves back to an old address is
#: suspected for at most this time.
_REMEMBERED_SECONDS = 30 * 86_400.0
#: Maximum length of an address in a message, in characters.
_CHARACTERS = 200


def submitted_from(job: Job) -> str:
    """Return the address of the Airflow that submitted a job; empty if unknown."""
    origin = job.origin
    earlier = origin.get("deployment", "")  # before 0.3, the identity was the address
    return origin.get("address") or (earlier if "://" in earlier else "")


def submitted_at(job: Job) -> float:
    """Return the time when Airflow last submitted a job, Unix seconds."""
    try:
        return float(job.origin.get("submitted", ""))
    except ValueError:
        return job.created


def find_alternating(uses: Iterable[tuple[float, str]]) -> list[str]:
    """Return the addresses that alternate, in alphabetical order. For the uses A, B, A, the addresses are A and B.

    `uses`: Unix time and address of each submission.
    """
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
    """Return the time and the address of the last submission of each job.

    `deployment`: identity of an Airflow; jobs of other Airflows are left out. Times are in Unix seconds.
    """
    return [(submitted_at(job), submitted_from(job)) for job in jobs if job.origin.get("deployment") == deployment]


def describe_alternation(addresses: Sequence[str], deployment: str) -> str:
    """Return a message about several Airflows that submit with the same identity."""
    named = " and ".join(printable(address, _CHARACTERS) for address in addresses)
    return (
        f"the Airflows at {named} alternately submit sweeps as the same deployment"
        f" {printable(deployment, _CHARACTERS)!r}: set another `deployment` in the kubeque connection of one of these"
        " Airflows. If all addresses belong to one Airflow, set the same base_url for all of its processes"
    )


def describe_submission(tried: int) -> dict[str, str]:
    """Return entries for the origin of a submitted job: the address of this Airflow if known, the time, and the try.

    `tried`: number of the try of the Airflow task, from 1.
    """
    address = base_url()
    return ({"address": address} if address else {}) | {"submitted": f"{time.time():.3f}", "try": str(tried)}


def find_rivals(client: Client, deployment: str) -> list[str]:
    """Return the addresses whose submissions alternate with those of this Airflow. Its own address is included.

    Return an empty list if only this Airflow submits with the identity `deployment`. Reads all jobs of the queue.
    """
    own = base_url()
    found = find_alternating([*uses_of(client.jobs(), deployment), (time.time(), own)])
    return found if own in found else []


def why_foreign(client: Client, job: Job) -> str:
    """Return why this Airflow must not change a job; an empty text if this Airflow may change it.

    The reason is that another Airflow with the same identity submitted the job.
    """
    made, own = submitted_from(job), base_url()
    if not made or not own or made == own:
        return ""
    deployment = job.origin["deployment"]
    rivals = find_rivals(client, deployment)
    if made not in rivals:
        return ""
    return (
        f"the job {job.name} was submitted from {printable(made, _CHARACTERS)}, not from this Airflow, and is not"
        f" changed: {describe_alternation(rivals, deployment)}"
    )


def refuse_foreign(client: Client, name: str) -> None:
    """Raise JobExists if another Airflow with the same identity submitted the job `name`."""
    with suppress(JobNotFound, JobUnreadable):
        if reason := why_foreign(client, client.job(name)):
            raise JobExists(reason)
