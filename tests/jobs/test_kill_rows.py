"""Some rows of a job are killed and reset: which rows are selected, and what users see of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.files.layout import table_url
from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.details import job_details, task_details
from kubeque.jobs.inspection.reader import Reader
from kubeque.jobs.reports.report import make_report
from kubeque.jobs.results.table import lines
from kubeque.jobs.submission.reset import reset
from kubeque.jobs.submission.reset_effect import plan_reset
from kubeque.jobs.upkeep import control
from kubeque.jobs.upkeep.kill_rows import KillEffect, kill_rows
from kubeque.jobs.upkeep.reconcile import reconcile
from kubeque.model.errors import UserError
from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Counts
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.row_selection import ALL_ROWS, RowSelection
from kubeque.model.job.task import Outcome
from kubeque.model.rows.grid import sequence
from kubeque.model.sweep.sweep import Sweep
from kubeque.queues.claim import claim
from tests.jobs.sweeps import Ended, ended_job
from tests.queues.makers import outcome
from tests.waiting import until

ROWS = [{"lr": lr, "name": name} for lr, name in zip(["0.01", "0.1", "0.5", "1e-3", "2"], "abcde", strict=True)]
parse = RowSelection.parse


def waiting_job(backends: Backends, *, taken: int = 0) -> Any:
    """A job of five rows. A consumer has begun the first `taken` rows, and row 0 is ok if there are several."""
    job = ended_job(backends, ROWS, lambda index: Ended(), run=False)
    lease = claim(backends.queue, job, "anna", reserve=max(1, taken)) if taken else None
    for _ in range(taken):
        assert lease is not None
        lease.take()
    if lease is not None and taken > 1:
        lease.add_outcome(outcome(0, out={"loss": 0.25}))
        lease.commit()
    return lease


def shown(backends: Backends) -> list[str]:
    return [str(line.view.state) for line in lines(backends, backends.queue.job("sweep"))]


@pytest.mark.parametrize(
    ("selection", "effect"),
    [
        (parse("2,4"), (2, 0, 0)),
        (parse("0-2"), (1, 1, 1)),
        (parse(where=["lr>0.05"]), (2, 1, 0)),
        (parse("2-4", ["lr<1"]), (2, 0, 0)),
        (parse(where=["lr>=0.1", "name!=b"]), (2, 0, 0)),
        (parse(states=["pending"]), (3, 0, 0)),
        (parse(states=["running", "ok"]), (0, 1, 1)),
        (parse(where=["out.loss<1"]), (0, 0, 1)),
        (parse(where=["index=3"]), (1, 0, 0)),
        (parse(where=["state=running"]), (0, 1, 0)),
    ],
)
def test_rows_are_selected_by_index_values_and_state(
    backends: Backends, selection: RowSelection, effect: tuple[int, int, int]
) -> None:
    waiting_job(backends, taken=2)
    before = list(backends.queue.scan(backends.queue.job("sweep")))
    expected = KillEffect("sweep", *effect)
    assert kill_rows(backends, "sweep", selection, dry_run=True) == expected
    assert list(backends.queue.scan(backends.queue.job("sweep"))) == before
    assert kill_rows(backends, "sweep", selection) == expected
    assert shown(backends).count("killed") == effect[0]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (parse("3,5-9,70"), r"^sweep has no task 5 to 9, 70: its tasks are 0 to 4$"),
        (parse(where=["lrr>1"]), r"^--where lrr>1: the column 'lrr' does not exist: did you mean 'lr'\?$"),
        (parse(where=["out.los>1"]), r"^--where: no selected task has 'out.los': did you mean 'out.loss'\?$"),
        (parse(where=["lr>5"]), r"^no row of sweep is selected by --where lr>5, so nothing was killed"),
        (parse("1-2", states=["failed"]), r"selected by --index 1-2 --state failed, so nothing was killed"),
    ],
)
def test_a_selection_of_nothing_is_an_error_that_changes_nothing(
    backends: Backends, selection: RowSelection, message: str
) -> None:
    waiting_job(backends, taken=2)
    before = backends.queue.job("sweep"), list(backends.queue.scan(backends.queue.job("sweep")))
    for dry_run in (True, False):
        with pytest.raises(UserError, match=message):
            kill_rows(backends, "sweep", selection, dry_run=dry_run)
    with pytest.raises(UserError, match=message.replace("killed", "reset")):
        reset(backends, "sweep", ResetRule(), selection=selection)
    assert (backends.queue.job("sweep"), list(backends.queue.scan(backends.queue.job("sweep")))) == before


@pytest.mark.parametrize(
    ("effect", "text"),
    [
        (KillEffect("j", 3, 1, 2), "j: 3 rows are killed, 1 row still runs and is stopped within about 5 s, unless"
         " it ends before, 2 had already ended"),
        (KillEffect("j", 1, 0, 0), "j: 1 row is killed"),
        (KillEffect("j", 0, 2, 0), "j: 2 rows still run and are stopped within about 5 s, unless they end before"),
        (KillEffect("j", 0, 0, 2), "j: nothing is killed, because 2 rows had already ended"),
    ],
)  # fmt: skip
def test_the_effect_is_one_sentence(effect: KillEffect, text: str) -> None:
    assert effect.describe() == text


def test_a_dry_run_stops_nothing() -> None:
    text = "j: 1 row would be killed, 2 rows still run and would be stopped within about 5 s, unless they end before"
    assert KillEffect("j", 1, 2, 0).describe(dry_run=True) == text
    text = "j: nothing would be killed, because 1 row had already ended"
    assert KillEffect("j", 0, 0, 1).describe(dry_run=True) == text


def test_every_view_shows_killed_rows_and_the_job_ends_as_failed(backends: Backends) -> None:
    waiting_job(backends)
    kill_rows(backends, "sweep", parse("0-4"))
    progress = reconcile(backends, "sweep", start=True)
    job = progress.job
    assert (job.standing(progress.counts), job.state, progress.counts) == ("failed", JobState.ACTIVE, Counts(killed=5))
    facts = [line.facts() for line in lines(backends, job)]
    assert {(f["state"], f["cause"], f["message"], f["attempts"], f["seconds"]) for f in facts} == {
        ("killed", "killed", "killed by a user", 0, None)
    }
    assert dict(job_details(backends, "sweep").causes) == {"killed": 5}
    assert task_details(backends, "sweep", 1).line.facts()["message"] == "killed by a user"
    reader = Reader(backends)
    assert (reader.marks(job, 0, 5), reader.failures(job, progress.counts).groups) == ("k5", ())
    assert ">killed<" in make_report(backends, job, progress.counts, lines(backends, job))
    table = backends.files.read(table_url(job)).decode().splitlines()
    assert table[1] == "0,0.01,a,killed,killed,,0,,,,,killed by a user"


@pytest.mark.parametrize(("allowed", "standing"), [("2", "success"), ("1", "failed"), ("40%", "success")])
def test_killed_rows_count_for_allow_failed(backends: Backends, allowed: str, standing: str) -> None:
    waiting_job(backends)
    backends.queue.update("sweep", lambda job: replace(job, allow_failed=allowed))
    kill_rows(backends, "sweep", parse("0,4"))
    lease = claim(backends.queue, backends.queue.job("sweep"), "anna", reserve=3)
    assert lease is not None
    while taken := lease.take():
        lease.add_outcome(outcome(*taken))
    lease.commit()
    progress = reconcile(backends, "sweep", start=False)
    assert progress.job.standing(progress.counts) == standing


def test_a_reset_of_a_selection_keeps_ok_rows_and_leaves_the_others(backends: Backends) -> None:
    # Given a job of which row 0 is ok and rows 1 to 4 were killed
    lease = waiting_job(backends, taken=2)
    lease.add_outcome(outcome(1))
    lease.commit(release=True)
    kill_rows(backends, "sweep", parse("2-4"))
    reconcile(backends, "sweep", start=False)

    # When rows 0 and 2 are reset, then only row 2 runs again
    effect = reset(backends, "sweep", ResetRule(), selection=parse("0,2"))
    assert (effect.run, effect.again, effect.kept, effect.left) == (1, 0, 1, 0)
    assert shown(backends) == ["ok", "ok", "pending", "killed", "killed"]

    # When the selection has only ok rows, then nothing changes
    before = backends.queue.job("sweep")
    assert reset(backends, "sweep", ResetRule(), selection=parse("0-1")).is_empty
    assert backends.queue.job("sweep") == before

    # Unless --all or the state ok selects them
    reset(backends, "sweep", ResetRule(everything=True), selection=parse("0"))
    assert shown(backends) == ["pending", "ok", "pending", "killed", "killed"]
    reset(backends, "sweep", ResetRule(), selection=parse(states=["ok"]))
    assert shown(backends) == ["pending", "pending", "pending", "killed", "killed"]
    reset(backends, "sweep", ResetRule(causes=("killed",)), selection=parse(where=["lr>1"]))
    assert shown(backends) == ["pending", "pending", "pending", "killed", "pending"]
    reset(backends, "sweep", ResetRule())
    assert shown(backends) == ["pending"] * 5


def being_killed(backends: Backends) -> Any:
    """A job of which row 0 is ok, a consumer runs row 1, and rows 1 to 3 were killed."""
    lease = waiting_job(backends, taken=2)
    kill_rows(backends, "sweep", parse("1-3"))
    assert shown(backends) == ["ok", "running", "killed", "killed", "pending"]
    return lease


@pytest.mark.parametrize(
    ("rule", "selection", "effect"),
    [
        (ResetRule(), parse(states=["killed"]), (3, 0, 0, 0, 0)),
        (ResetRule(), parse(where=["state=killed"]), (3, 0, 0, 0, 0)),
        (ResetRule(), parse(where=["cause=killed"]), (3, 0, 0, 0, 0)),
        (ResetRule(), parse("0-3"), (3, 0, 1, 0, 0)),
        (ResetRule(), parse("1,4"), (1, 0, 0, 0, 1)),
        (ResetRule(), parse(where=["lr<0.2", "name=b"]), (1, 0, 0, 0, 0)),
        (ResetRule(causes=("killed",)), parse("0-3"), (3, 0, 1, 0, 0)),
        (ResetRule(causes=("exit",)), parse("0-3"), (0, 0, 1, 3, 0)),
        (ResetRule(everything=True), parse("0-1"), (1, 1, 0, 0, 0)),
        (ResetRule(), ALL_ROWS, (3, 0, 1, 0, 1)),
        (ResetRule(causes=("killed",)), ALL_ROWS, (3, 0, 1, 0, 1)),
        (ResetRule(causes=("exit",)), ALL_ROWS, (0, 0, 1, 3, 1)),
        (ResetRule(everything=True), ALL_ROWS, (3, 1, 0, 0, 1)),
    ],
)
@pytest.mark.parametrize("stopped", [True, False])
def test_a_reset_also_runs_rows_again_whose_kill_is_under_way(
    backends: Backends, rule: ResetRule, selection: RowSelection, effect: tuple[int, ...], stopped: bool
) -> None:
    lease = being_killed(backends)
    if stopped:  # the consumer has ended the command, and has not recorded this yet
        lease.commit()
        lease.add_outcome(Outcome(1, 1, Cause.KILLED))
    seen = plan_reset(backends, backends.queue.job("sweep"), rule, selection).effect
    assert reset(backends, "sweep", rule, selection=selection) == seen
    assert (seen.run, seen.again, seen.kept, seen.left, seen.unfinished) == effect
    lease.commit()
    again = bool(seen.run)
    assert shown(backends)[1] == ("killed" if stopped and not again else "pending" if stopped else "running")
    assert (lease.killed == frozenset()) is (again or stopped)
    if not stopped:
        lease.add_outcome(outcome(1) if again else Outcome(1, 1, Cause.KILLED))
        lease.commit()
        assert shown(backends)[1] == ("ok" if again else "killed")


def test_a_row_that_ends_ok_between_its_kill_and_a_reset_keeps_its_result(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, reset_queue = being_killed(backends), backends.queue.reset

    def end_first(*args: Any) -> Any:
        lease.add_outcome(outcome(1))
        lease.commit()
        return reset_queue(*args)

    monkeypatch.setattr(backends.queue, "reset", end_first)
    reset(backends, "sweep", ResetRule(), selection=parse("1"))
    assert shown(backends) == ["ok", "ok", "killed", "killed", "pending"]


@pytest.mark.parametrize("selection", [parse("1,3"), parse(states=["killed"]), ALL_ROWS])
def test_a_reset_of_a_killed_job_runs_rows_again_that_still_run(backends: Backends, selection: RowSelection) -> None:
    lease = waiting_job(backends, taken=2)
    control.kill(backends, "sweep")
    effect = reset(backends, "sweep", ResetRule(), selection=selection)
    only = selection.indexes is not None
    assert (effect.run, effect.kept, effect.unfinished) == ((2, 0, 0) if only else (4, 0 if selection.states else 1, 0))
    lease.add_interrupted(1, 2.0)
    lease.commit(release=True)
    assert shown(backends) == (["ok", "pending", "killed", "pending", "killed"] if only else ["ok", *["pending"] * 4])


@pytest.mark.parametrize("closed", [True, False])
def test_a_reset_of_some_rows_of_a_killed_job_leaves_its_other_rows_killed(backends: Backends, closed: bool) -> None:
    lease = waiting_job(backends, taken=2)
    control.kill(backends, "sweep")
    if closed:
        lease.commit(release=True)
        assert reconcile(backends, "sweep", start=False).job.closing is not None
    effect = reset(backends, "sweep", ResetRule(), selection=parse(where=["lr>0.3"]))
    assert (effect.run, effect.again, effect.kept) == (2, 0, 0)
    if not closed:
        lease.commit(release=True)
    assert shown(backends) == ["ok", "killed", "pending", "killed", "pending"]
    job = backends.queue.job("sweep")
    assert (job.open, backends.queue.counts(job)) == (True, Counts(pending=2, ok=1, killed=2))
    reset(backends, "sweep", ResetRule())
    assert shown(backends) == ["ok", *["pending"] * 4]


def test_a_kill_after_the_end_of_a_job_with_killed_rows_changes_nothing(backends: Backends) -> None:
    waiting_job(backends)
    kill_rows(backends, "sweep", parse("0-4"))
    control.kill(backends, "sweep")
    progress = reconcile(backends, "sweep", start=False)
    assert progress.job.standing(progress.counts) == "failed"
    assert kill_rows(backends, "sweep", parse("1-2")) == KillEffect("sweep", 0, 0, 2)
    assert backends.queue.job("sweep") == progress.job


def test_a_running_row_ends_with_its_processes_and_the_others_go_on(client: Client, tmp_path: Path) -> None:
    # Given a consumer that runs row 0 for a long time, with a process in the background
    command = ["sh", "-c", f"echo begun; if test $0 = 0; then sleep 61 & echo $! > {tmp_path}/pid; wait; fi", "{index}"]
    client.submit(Sweep(command, name="j", rows=sequence(4), consumers=1, lease="5s"))
    until("row 0 runs", lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())

    # When rows 0 and 2 are killed
    progress = client.kill("j", [0, 2])
    assert progress.job.open
    ended = client.wait("j", timeout=30)

    # Then they did not end, and the other rows are ok
    assert (ended.job.standing(ended.counts), ended.counts) == ("failed", Counts(ok=2, killed=2))
    rows = [(row["state"], row["cause"], row["attempts"], row["message"]) for row in client.table("j")]
    assert rows == [
        ("killed", "killed", 1, "killed by a user while it ran"), ("ok", "ok", 1, None),
        ("killed", "killed", 0, "killed by a user"), ("ok", "ok", 1, None),
    ]  # fmt: skip
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    assert client.peek("j", 0).tail.data == b"begun\n"
    with pytest.raises(UserError, match=r"^j has no task 4 to 5: its tasks are 0 to 3$"):
        client.kill("j", [1, 4, 5])
    with pytest.raises(UserError, match="no row is given"):
        client.kill("j", [])
    with pytest.raises(UserError, match="row '1' is not an index"):
        client.kill("j", ["1"])  # type: ignore[list-item]
