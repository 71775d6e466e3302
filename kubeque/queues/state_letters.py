"""State letters: one letter for each task, read from the record of a block without decoding the block's tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kubeque.model.job.causes import Cause
from kubeque.model.job.task import Outcome, State, TaskState, TaskView
from kubeque.queues.backends.backend import BlockRecord
from kubeque.queues.backends.records import decode, translate_damage

#: Meaning of each letter: the state of a task, or the cause of its failure.
MEANING: dict[str, str] = {
    "-": TaskState.PENDING.value, "h": TaskState.HELD.value, "r": TaskState.RUNNING.value, "o": TaskState.OK.value,
    "k": TaskState.KILLED.value, "u": TaskState.UNKNOWN.value,
    "x": Cause.EXIT.value, "s": Cause.SIGNAL.value, "m": Cause.OOM.value, "d": Cause.DISK.value,
    "t": Cause.TIMEOUT.value, "p": Cause.PREEMPTED.value, "l": Cause.LOST.value, "i": Cause.STAGE.value,
    "w": Cause.STORE.value, "e": Cause.INTERNAL.value,
}  # fmt: skip
#: Letter of a task that moved to another block.
ELSEWHERE = "."
_LETTER = {meaning: letter for letter, meaning in MEANING.items()}
_UNKNOWN = _LETTER[TaskState.UNKNOWN.value]


class _Letters(dict[int, str]):
    """A dict from the code point of a stored state to its letter. All unknown states have the same letter."""

    def __missing__(self, code: int) -> str:
        return _UNKNOWN


_BY_STATE = {State.PENDING: "-", State.RESERVED: "r", State.OK: "o", State.FAILED: "x", State.MOVED: ELSEWHERE}
_LETTERS = _Letters({ord(str(int(state))): letter for state, letter in _BY_STATE.items()})
_FAILED = str(int(State.FAILED))
_RUN = re.compile(r"(.)\1+")
#: Position of the outcome in a stored task.
_OUTCOME = 3


def state_letter(view: TaskView) -> str:
    """Return the letter of one task: its state, or the cause of its failure."""
    outcome = view.record.outcome
    meaning = outcome.cause if view.state is TaskState.FAILED and outcome is not None else view.state
    return _LETTER.get(meaning.value, _UNKNOWN)


def read_letters(record: BlockRecord) -> str:
    """Return a text with one letter of MEANING, or ELSEWHERE, for each task of a block, in order.

    Raises JobUnreadable if the block is damaged.
    """
    with translate_damage(record):
        wire = decode(record.body)
        text: str = wire["states"].translate(_LETTERS)
        note = wire.get("command")
        if note and wire.get("owner") and note[0] == wire["nonce"]:
            text = _keep_running(text, note[1], record.lo)
        if wire.get("held"):
            text = text.replace("-", "h")
        if "x" not in text:
            return text
        letters = list(text)
        for offset, outcome in _failed(record, wire):
            letters[offset] = _LETTER.get(outcome[1], _UNKNOWN)
        return "".join(letters)


def _keep_running(text: str, index: int | None, lo: int) -> str:
    """Return the letters with `-` (pending) instead of `r` (running) for each task except the task `index`."""
    offset = -1 if index is None else index - lo
    runs = 0 <= offset < len(text) and text[offset] == "r"
    text = text.replace("r", "-")
    return f"{text[:offset]}r{text[offset + 1 :]}" if runs else text


def read_failed(record: BlockRecord) -> Iterator[Outcome]:
    """Yield the outcomes of a block's failed tasks, in order of their indexes. Skip killed rows.

    Raises JobUnreadable if the block is damaged.
    """
    with translate_damage(record):
        found = _failed(record, decode(record.body))
        outcomes = [Outcome.from_wire(record.lo + offset, outcome) for offset, outcome in found]
    yield from (outcome for outcome in outcomes if outcome.cause is not Cause.KILLED)


def _failed(record: BlockRecord, wire: dict[str, Any]) -> Iterator[tuple[int, list[Any]]]:
    for offset, state in enumerate(wire["states"]):
        if state == _FAILED and (kept := wire["records"].get(str(record.lo + offset))) and kept[_OUTCOME]:
            yield offset, kept[_OUTCOME]


def squeeze(letters: str) -> str:
    """Return the letters in run-length encoding: `ooor` becomes `o3r`."""
    return _RUN.sub(lambda run: f"{run[1]}{len(run[0])}", letters)
