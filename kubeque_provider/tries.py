"""One try of an Airflow task, and whether it follows a clear by a person or is a retry by Airflow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Try:
    """A try of an Airflow task. The wait token of a job names the last one that has waited for it."""

    #: Name of the Airflow task, the same for all its tries.
    task: str
    #: Number of the try, from 1.
    number: int
    #: Number of the first try since the last clear; 1 if there was none.
    first: int = 1

    @property
    def token(self) -> str:
        """Wait token of this try."""
        return f"{self.task}#{self.number}"

    def is_fresh(self, token: str) -> bool:
        """True for a first try or one after a clear, False for a retry by Airflow. `token`: the job's wait token.

        The first try after a clear may be lost before it does anything. The token then names an older try. The token
        of this same try means that a person runs it once more.
        """
        if self.number <= self.first or token == self.token:
            return True
        task, _, number = token.rpartition("#")
        return self.first > 1 and task == self.task and number.isdecimal() and int(number) < self.first
