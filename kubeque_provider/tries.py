"""One try of an Airflow task. It either follows a clear by a user or is a retry by Airflow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Try:
    """A try of an Airflow task. The wait token of a job names the last try that waited for the job."""

    #: Name of the Airflow task. All its tries have the same name.
    task: str
    #: Number of the try, from 1.
    number: int
    #: Number of the first try since the last clear; 1 without a clear.
    first: int = 1

    @property
    def token(self) -> str:
        """Wait token of this try."""
        return f"{self.task}#{self.number}"

    def is_fresh(self, token: str) -> bool:
        """True for the first try and after a clear. False for a retry by Airflow. `token`: the job's wait token.

        The first try after a clear can be lost before it does anything. The token then names a try before the clear. If
        the token names this same try, a user runs it once more.
        """
        if self.number <= self.first or token == self.token:
            return True
        task, _, number = token.rpartition("#")
        return self.first > 1 and task == self.task and number.isdecimal() and int(number) < self.first
