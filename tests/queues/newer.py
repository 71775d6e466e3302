"""Records as a newer kubeque can write them, with keys, items, causes and states that this kubeque does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from kubeque.queues.backends.backend import Backend
from kubeque.queues.backends.records import decode, encode

#: A name that no version knows.
LATER = "later"
#: Changes the stored object of a job or a block in place; `value` is any JSON.
Change = Callable[[dict[str, Any], Any], None]


def _tasks(block: dict[str, Any]) -> Iterable[list[Any]]:
    return block["records"].values()


def _attempts(block: dict[str, Any]) -> Iterable[list[Any]]:
    return (attempt for task in _tasks(block) for attempt in task[2])


def _outcomes(block: dict[str, Any]) -> Iterable[list[Any]]:
    return (task[3] for task in _tasks(block) if task[3])


def key_of_the_record(record: dict[str, Any], value: Any) -> None:
    record[LATER] = value


def key_of_the_job(record: dict[str, Any], value: Any) -> None:
    record["job"][LATER] = value


def keys_of_its_parts(record: dict[str, Any], value: Any) -> None:
    job = record["job"]
    job["budgets"][LATER] = 3
    for part in (
        *job["shapes"],
        job["reset"],
        job["closing"],
        job.get("pause"),
        job["closing"] and job["closing"]["counts"],
    ):
        if part:
            part[LATER] = value


def state_of_the_job(record: dict[str, Any], value: Any) -> None:
    record["job"]["state"] = LATER


def key_of_the_block(block: dict[str, Any], value: Any) -> None:
    block[LATER] = value


def item_of_a_task(block: dict[str, Any], value: Any) -> None:
    for task in _tasks(block):
        task += [0, ""][len(task) - 5 :]  # `evicted` and `kill` are stored only where they are set
        task.append(value)


def item_of_an_attempt(block: dict[str, Any], value: Any) -> None:
    for attempt in _attempts(block):
        attempt.append(value)


def item_of_an_outcome(block: dict[str, Any], value: Any) -> None:
    for outcome in _outcomes(block):
        outcome += [False, {}][len(outcome) - 15 :]  # `final` and `short_out` are stored only where they are set
        outcome.append(value)


def cause_of_failures(block: dict[str, Any], value: Any) -> None:
    for ended in (*_attempts(block), *_outcomes(block)):
        ended[1] = LATER if ended[1] != "ok" else "ok"
    for task in _tasks(block):
        task[1] = {LATER if cause == "exit" else cause: count for cause, count in task[1].items()}


def state_of_failures(block: dict[str, Any], value: Any) -> None:
    block["states"] = block["states"].replace("3", "7")


JOB_CHANGES: list[Change] = [key_of_the_record, key_of_the_job, keys_of_its_parts, state_of_the_job]
BLOCK_CHANGES: list[Change] = [
    key_of_the_block, item_of_a_task, item_of_an_attempt, item_of_an_outcome, cause_of_failures, state_of_failures,
]  # fmt: skip


def rewrite_job(backend: Backend, name: str, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Change the stored object of a job; returns it."""
    record = backend.get_job(name)
    assert record is not None
    wire = decode(record.body)
    change(wire)
    backend.swap_job(replace(record, body=encode(wire)))
    return wire


def rewrite_blocks(backend: Backend, uid: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the stored object of each block."""
    for record in backend.scan_blocks(uid, limit=10_000):
        wire = decode(record.body)
        change(wire)
        backend.swap_block(replace(record, body=encode(wire)))


def stored_blocks(backend: Backend, uid: str) -> dict[str, dict[str, Any]]:
    """Return the stored objects of all blocks, by block id."""
    return {record.id: decode(record.body) for record in backend.scan_blocks(uid, limit=10_000)}


def stored_job(backend: Backend, name: str) -> dict[str, Any]:
    record = backend.get_job(name)
    assert record is not None
    return decode(record.body)
