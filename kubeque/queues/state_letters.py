"""Marks: one letter for each task, read straight from what a store keeps of a block, without making tasks of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kubeque.model.job.task import Cause, Outcome, State
from kubeque.queues.backends.backend import BlockRecord
from kubeque.queues.backends.records import decode

#: What each letter means: the state of a task, or the cause by which it failed.
MEANING = {
    "-": "pending", "h": "held", "r": "running", "o": "ok", "k": "killed",
    "x": Cause.EXIT.value, "s": Cause.SIGNAL.value, "m": Cause.OOM.value, "d": Cause.DISK.value,
    "t": Cause.TIMEOUT.value, "p": Cause.PREEMPTED.value, "l": Cause.LOST.value, "i": Cause.STAGE.value,
    "w": Cause.STORE.value,
}  # fmt: skip
#: Stands for a task that is in another block.
ELSEWHERE = "."
_LETTER = {meaning: letter for letter, meaning in MEANING.items()}
_BY_STATE = {State.PENDING: "-", State.RESERVED: "r", State.OK: "o", State.FAILED: "x", State.MOVED: ELSEWHERE}
#: Digits of the stored states to letters.
_LETTERS = str.maketrans({str(int(state)): letter for state, letter in _BY_STATE.items()})
_FAILED = str(int(State.FAILED))
_RUN = re.compile(r"(.)\1+")
#: Where a stored task has its outcome.
_OUTCOME = 3


def read_marks(record: BlockRecord) -> str:
    """A letter for each task of a block."""
    wire: dict[str, Any] = decode(record.body)
    marks = wire["states"].translate(_LETTERS)
    if wire["held"]:
        marks = marks.replace("-", "h")
    if "x" not in marks:
        return str(marks)
    letters = list(marks)
    for offset, outcome in _failed(record, wire):
        letters[offset] = _LETTER.get(outcome[1], "k")
    return "".join(letters)


def read_failed(record: BlockRecord) -> Iterator[Outcome]:
    """The outcomes of a block's failed tasks, in order."""
    wire: dict[str, Any] = decode(record.body)
    for offset, outcome in _failed(record, wire):
        yield Outcome.from_wire(record.lo + offset, outcome)


def _failed(record: BlockRecord, wire: dict[str, Any]) -> Iterator[tuple[int, list[Any]]]:
    for offset, state in enumerate(wire["states"]):
        if state == _FAILED and (kept := wire["records"].get(str(record.lo + offset))) and kept[_OUTCOME]:
            yield offset, kept[_OUTCOME]


def squeeze(marks: str) -> str:
    """Run-length: a letter, and behind it how often it comes, unless that is once. `ooor` is `o3r`."""
    return _RUN.sub(lambda run: f"{run[1]}{len(run[0])}", marks)
