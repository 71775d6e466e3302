"""Failures in groups: those of one cause whose messages differ in numbers only are one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kubeque.model.job.task import Cause, Outcome

#: Tasks that a group names.
NAMED = 5
#: Different messages that are kept apart for each cause; what comes after these is one group more.
_MESSAGES = 50
_OTHER = "other messages"
#: Stands for a number in a pattern; no message has it, for it is no character of a text.
_MARK = "\uffff"
#: Addresses, digests and other long hexadecimal words with a digit in them, and numbers.
_VARIES = re.compile(r"0[xX][0-9a-fA-F]+|\b(?=[0-9a-f-]*\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b|\d+(?:[.,:]\d+)*")


@dataclass(slots=True)
class Group:
    """Failed tasks that failed alike."""

    cause: Cause
    #: The message with a mark for each number.
    pattern: str
    #: The numbers of its first message; None where another one has another.
    numbers: list[str | None]
    count: int = 0
    #: The first tasks, with their rows.
    first: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The message with `#` where those of the group differ."""
        pieces = self.pattern.split(_MARK)
        said = (number if number is not None else "#" for number in self.numbers)
        return pieces[0] + "".join(f"{number}{piece}" for number, piece in zip(said, pieces[1:], strict=False))

    def add(self, index: int, row: Mapping[str, str], numbers: list[str]) -> None:
        """Count one more task."""
        self.count += 1
        if len(numbers) == len(self.numbers):
            self.numbers = [a if a == b else None for a, b in zip(self.numbers, numbers, strict=True)]
        if len(self.first) < NAMED:
            self.first.append((index, row))


class Groups:
    """Collects failures. Memory: some dozens of groups, whatever the number of failures."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Cause, str], Group] = {}
        self._messages: dict[Cause, int] = {}

    def add(self, outcome: Outcome, row: Mapping[str, str]) -> None:
        """Count one failed task."""
        numbers = _VARIES.findall(outcome.message)
        key = outcome.cause, _VARIES.sub(_MARK, outcome.message)
        if key not in self._groups:
            known = self._messages.get(outcome.cause, 0)
            self._messages[outcome.cause] = known + 1
            if known >= _MESSAGES:
                key, numbers = (outcome.cause, _OTHER), []
        group = self._groups.setdefault(key, Group(*key, list(numbers)))
        group.add(outcome.index, row, numbers)

    def largest(self) -> list[Group]:
        """The groups, the largest first."""
        return sorted(self._groups.values(), key=lambda group: -group.count)
