"""A backend that fails by plan: answers are lost, calls are refused, writes arrive late, or no call is answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from typing import Any

from kubeque.model.errors import QueueUnavailable
from kubeque.queues.backends.backend import Backend, Conflict

#: The operations of a backend that change something.
WRITES = ("insert_job", "swap_job", "delete_job", "insert_blocks", "swap_block", "delete_blocks")
READS = ("now", "get_job", "list_jobs", "get_block", "find_blocks", "tally", "scan_blocks")


class Fault(Enum):
    """The fault of one call."""

    #: The call is performed, and the answer is lost.
    DROP = auto()
    #: The call is not performed.
    REFUSE = auto()
    #: The call seems not performed, but is delayed. It is performed when `land` is called.
    LATE = auto()


#: Function of an operation's name and the number of its earlier calls. It returns the fault, or None.
Plan = Callable[[str, int], Fault | None]


def all_well(operation: str, number: int) -> Fault | None:
    return None


def once(operation: str, fault: Fault, *, number: int = 0) -> Plan:
    """Return a plan with this fault for one call of one operation."""
    return lambda name, count: fault if (name, count) == (operation, number) else None


class Unreliable:
    """A backend that passes calls to a different backend. `calls` counts the calls of each operation."""

    def __init__(self, backend: Backend, plan: Plan = all_well) -> None:
        self.backend = backend
        self.plan = plan
        self.silent = False
        self.calls: Counter[str] = Counter()
        self._flying: list[Callable[[], object]] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        if operation == "close":
            return self.backend.close
        action = getattr(self.backend, operation)
        return lambda *args, **kwargs: self._call(operation, lambda: action(*args, **kwargs))

    def _call(self, operation: str, action: Callable[[], object]) -> object:
        number = self.calls[operation]
        self.calls[operation] += 1
        fault = Fault.REFUSE if self.silent else self.plan(operation, number)
        if fault is None:
            return action()
        if fault is Fault.DROP:
            _quietly(action)
        elif fault is Fault.LATE and operation in WRITES:
            self._flying.append(action)
        raise QueueUnavailable(f"{operation}: no answer ({fault.name.lower()})")

    def fail(self, plan: Plan) -> None:
        """Make calls fail by this plan from now on. The plan counts calls from zero."""
        self.calls.clear()
        self.plan = plan

    def go_away(self, after: str, fault: Fault) -> None:
        """Make the next call of the operation `after` fail in this way. Afterwards no call is answered."""

        def plan(operation: str, number: int) -> Fault | None:
            if operation == after:
                self.silent = True
                return fault
            return None

        self.fail(plan)

    def come_back(self) -> None:
        """End all faults."""
        self.silent = False
        self.fail(all_well)

    def land(self) -> None:
        """Perform the delayed calls."""
        while self._flying:
            _quietly(self._flying.pop(0))

    @property
    def writes(self) -> int:
        """Return the number of requested writes."""
        return sum(self.calls[operation] for operation in WRITES)


def _quietly(action: Callable[[], object]) -> None:
    """Perform a call, and ignore its result and its error."""
    with suppress(Conflict):
        action()
