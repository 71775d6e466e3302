"""One sweep of a real Airflow, with the actions and checks of its test."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeque.client import Client
from kubeque.model.errors import JobNotFound
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque_provider.naming import make_job_id
from tests.servers.airflow import AirflowServer
from tests.waiting import GaveUp

#: Ways in which a process waits, or nobody but a trigger does.
PROCESS, DEFERRED = ("submit", "sensor"), ("submit_deferred", "sensor_deferred")
RESCHEDULE = "sensor_reschedule"
WAYS = (*PROCESS, *DEFERRED, RESCHEDULE)
_WAITS = {**dict.fromkeys(PROCESS, "running"), **dict.fromkeys(DEFERRED, "deferred"), RESCHEDULE: "up_for_reschedule"}


@dataclass(frozen=True)
class Sweep:
    """A run of the DAG `dag`. Its Airflow task `wait` waits in the given way for a sweep of two rows."""

    airflow: AirflowServer
    runs: Path
    way: str
    run_id: str
    #: Which of the DAGs of that way: one with a limit, or with cancel_on_kill=False.
    kind: str = ""

    @property
    def dag(self) -> str:
        return f"{self.way}-{self.kind}" if self.kind else self.way

    @property
    def folder(self) -> Path:
        return self.runs / self.run_id

    @property
    def name(self) -> str:
        """The name of its job."""
        return make_job_id(
            self.airflow.url, self.dag, self.run_id, "wait" if self.way.startswith("submit") else "submit"
        )

    @property
    def hears(self) -> bool:
        """True if the waiting process is notified when a user or a limit ends its Airflow task."""
        return self.way in PROCESS or (self.way in DEFERRED and self.airflow.tells_triggers)

    def begin(self, *, stop: str = "", go: bool = False) -> Sweep:
        """Trigger the run and hold it at the point `stop`. Its rows end at `release`, or earlier if that is allowed."""
        self.folder.mkdir()
        if stop:
            (self.folder / f"stop-{stop}").touch()
        if go:
            self.release()
        self.airflow.run(self.dag, self.run_id)
        return self

    def release(self) -> None:
        """End the rows of the sweep."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "go").touch()

    def waits(self, attempt: int = 1) -> None:
        """Wait until the given try waits for the job."""

        def waiting() -> bool:
            found = self.airflow.task(self.dag, self.run_id, "wait")
            there = (found["state"], found["try_number"]) == (_WAITS[self.way], attempt)
            return there and f"/wait/-1#{attempt}" in (self.job().token if self.job_or_none() else "")

        try:
            self.airflow.until(f"{self.dag} to wait: try {attempt}", waiting)
        except GaveUp as error:
            error.add_note(f"it is {self._seen()}")
            raise
        if self.way in DEFERRED and self.hears:
            # Airflow tells a trigger of its end only once the triggerer has taken it up.
            self.says("starting", attempt)

    def _seen(self) -> tuple[object, ...]:
        found, job = self.airflow.task(self.dag, self.run_id, "wait"), self.job_or_none()
        return found["state"], found["try_number"], job and (job.state, job.token)

    def job(self) -> Job:
        with Client() as client:
            return client.job(self.name)

    def job_or_none(self) -> Job | None:
        try:
            return self.job()
        except JobNotFound:
            return None

    def cancelled(self) -> None:
        """Wait until the sweep is cancelled."""
        self.airflow.until(f"the sweep of {self.dag} is cancelled", lambda: self.job().state is JobState.KILLED)

    def is_told(self) -> None:
        """Wait until the sweep is cancelled. Without a notification, check that the sweep goes on."""
        if self.hears:
            self.cancelled()
        else:
            self.goes_on()

    def goes_on(self) -> None:
        assert self.job().state is JobState.ACTIVE, self.dag

    def says(self, text: str, attempt: int = 1) -> None:
        """Wait until the log of a try contains this text."""
        self.airflow.until(
            f"the log of {self.dag} says {text!r}",
            lambda: text in self.airflow.log(self.dag, self.run_id, "wait", attempt),
        )

    def succeeds(self, *, rows: Any = ("1", "2")) -> None:
        """Wait until the run is a success. Check that its rows have run once, in one job."""
        self.airflow.until(f"the run of {self.dag} ends", lambda: self.ended() in ("success", "failed"))
        assert self.ended() == "success", self.airflow.log(self.dag, self.run_id, "wait", 1)[-4000:]
        ran = self.ran()
        assert ran == list(rows), f"{self.dag} ran {ran}; {self._seen()}"
        with Client() as client:
            assert [job.name for job in client.jobs() if job.origin.get("run") == self.run_id] == [self.name]

    def ended(self) -> str:
        return self.airflow.run_state(self.dag, self.run_id)

    def ran(self) -> list[str]:
        """Return the rows that have run since the last call, in order."""
        path = self.folder / "ran"
        found = sorted(path.read_text().split()) if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    def at(self, point: str) -> int:
        """Wait until the Airflow task is at a point of its submission. Return its process."""
        here = self.folder / f"at-{point}"
        self.airflow.until(f"{self.run_id} comes to {point}", here.exists)
        return int(here.read_text())

    def hit(self, pid: int, sign: int, point: str) -> None:
        """Send a signal to a process. Do not hold later processes at that point."""
        os.kill(pid, sign)
        (self.folder / f"stop-{point}").unlink()


def parent(pid: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def numbered(what: str) -> str:
    """Return a name for a run that no other test uses."""
    return f"{what}-{time.monotonic_ns()}"
