"""Groups of failures that have the same cause and whose messages differ only in numbers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import field

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.task import Outcome
from kubeque.model.text import cut

#: Maximum number of tasks that a group names.
NAMED = 5
#: Maximum number of groups of each cause. All further messages share one additional group.
_MESSAGES = 50
_OTHER = "other messages"
#: Placeholder for a number in a pattern. No message contains it, because it is not a Unicode character.
_NUMBER = "\uffff"
#: Addresses, digests and other long hexadecimal words with a digit in them, and numbers.
_VARIES = re.compile(r"0[xX][0-9a-fA-F]+|\b(?=[0-9a-f-]*\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b|\d+(?:[.,:]\d+)*")


@dataclass(slots=True)
class Group:
    """Failed tasks with the same cause and pattern."""

    cause: Cause
    #: The message with a placeholder for each number.
    pattern: str
    #: Numbers of the first message; None where the messages differ.
    numbers: list[str | None]
    count: int = 0
    #: Index and row of each of the first tasks.
    first: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The message, with `#` in place of each number that differs between the messages of the group."""
        pieces = self.pattern.split(_NUMBER)
        texts = (number if number is not None else "#" for number in self.numbers)
        return pieces[0] + "".join(f"{number}{piece}" for number, piece in zip(texts, pieces[1:], strict=False))

    @property
    def mark(self) -> str:
        """Mark of these messages, as `mark_message` returns it; empty for the group of all remaining messages."""
        return "" if self.pattern == _OTHER else _digest(self.pattern)

    def add(self, index: int, row: Mapping[str, str], numbers: list[str]) -> None:
        """Count one more task."""
        self.count += 1
        if len(numbers) == len(self.numbers):
            self.numbers = [a if a == b else None for a, b in zip(self.numbers, numbers, strict=True)]
        if len(self.first) < NAMED:
            self.first.append((index, row))


def mark_message(message: str) -> str:
    """Return a mark that is the same for messages which differ only in numbers."""
    return _digest(_VARIES.sub(_NUMBER, cut(message)))


def _digest(pattern: str) -> str:
    return hashlib.sha256(pattern.encode(errors="replace")).hexdigest()[:16]


class Groups:
    """A collector of failures. Its memory depends on the number of groups, not on the number of failures."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Cause, str], Group] = {}
        self._messages: dict[Cause, int] = {}

    def add(self, outcome: Outcome, row: Mapping[str, str]) -> None:
        """Count one failed task."""
        message = cut(outcome.message)  # the queue can hold a longer message, and the pattern takes quadratic time
        numbers = _VARIES.findall(message)
        key = outcome.cause, _VARIES.sub(_NUMBER, message)
        if key not in self._groups:
            known = self._messages.get(outcome.cause, 0)
            self._messages[outcome.cause] = known + 1
            if known >= _MESSAGES:
                key, numbers = (outcome.cause, _OTHER), []
        group = self._groups.setdefault(key, Group(*key, list(numbers)))
        group.add(outcome.index, row, numbers)

    def largest(self) -> list[Group]:
        """Return the groups, the largest first."""
        return sorted(self._groups.values(), key=lambda group: -group.count)
