"""Groups of failed tasks with the same cause, and with messages that differ only in numbers."""

from __future__ import annotations

import hashlib
import re
from bisect import insort
from collections.abc import Mapping
from dataclasses import field
from operator import itemgetter

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.task import Outcome
from kubeque.model.text import cut

#: Maximum number of tasks whose index and row a group keeps.
NAMED = 5
#: Maximum number of groups for each cause. Failures with further messages belong to one additional group.
_MESSAGES = 50
_OTHER = "other messages"
#: Placeholder for a number in a pattern. Messages do not contain this code point, because it is not a character.
_NUMBER = "\uffff"
#: Regular expression for what counts as a number in a message: addresses, digests and other long hexadecimal words that
#: contain a digit, and decimal numbers.
_VARIES = re.compile(r"0[xX][0-9a-fA-F]+|\b(?=[0-9a-f-]*\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b|\d+(?:[.,:]\d+)*")


@dataclass(slots=True)
class Group:
    """A group of failed tasks with the same cause and the same pattern of the message."""

    cause: Cause
    #: The message with a placeholder for each number.
    pattern: str
    #: The numbers in the messages, in their order; None for a number that differs between the messages.
    numbers: list[str | None]
    count: int = 0
    #: Index and row of each of the tasks with the lowest indexes, in order.
    first: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The message of the group, with `#` in place of each number that differs between its tasks."""
        pieces = self.pattern.split(_NUMBER)
        texts = (number if number is not None else "#" for number in self.numbers)
        return pieces[0] + "".join(f"{number}{piece}" for number, piece in zip(texts, pieces[1:], strict=False))

    @property
    def mark(self) -> str:
        """A digest that identifies the messages of the group. `mark_message` returns this digest for each message.

        The digest is empty for the additional group, which collects all further messages.
        """
        return "" if self.pattern == _OTHER else _digest(self.pattern)

    def add(self, index: int, row: Mapping[str, str], numbers: list[str]) -> None:
        """Add one task to the group. `index`, `row`: the task. `numbers`: the numbers in its message."""
        self.count += 1
        if len(numbers) == len(self.numbers):
            self.numbers = [a if a == b else None for a, b in zip(self.numbers, numbers, strict=True)]
        insort(self.first, (index, row), key=itemgetter(0))
        del self.first[NAMED:]


def mark_message(message: str) -> str:
    """Return a digest of a message without its numbers. Messages that differ only in numbers have the same digest."""
    return _digest(_VARIES.sub(_NUMBER, cut(message)))


def _digest(pattern: str) -> str:
    return hashlib.sha256(pattern.encode(errors="replace")).hexdigest()[:16]


class Groups:
    """Collects failed tasks into groups. Its memory depends on the number of groups, not on the number of tasks."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Cause, str], Group] = {}
        self._messages: dict[Cause, int] = {}

    def add(self, outcome: Outcome, row: Mapping[str, str]) -> None:
        """Add one failed task. `outcome`: its last outcome. `row`: its values by column."""
        message = cut(outcome.message)  # a message in the queue can be longer, and _VARIES takes quadratic time
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
        """Return the groups, the largest first. Of groups with equal size, the one with the lowest index is first."""
        return sorted(self._groups.values(), key=lambda group: (-group.count, group.first[0][0]))
