"""`kubeque work`: consumers that a user starts on any machine take tasks of the jobs that allow it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.clusters.slot import short_host_name
from tests.cli.conftest import Shell
from tests.waiting import until

ROW = ["sh", "-c", 'echo {x} >> "$LOG"; sleep "$PAUSE"']


@pytest.fixture
def place(shell: Shell) -> Iterator[Shell]:
    yield shell
    shell.run("stop")


def submit(shell: Shell, name: str, rows: int, *options: str, pause: str = "0.1", run_on: str = "work") -> Path:
    """Submit a job whose rows write their number to a file. Return the file."""
    log = shell.folder / f"{name}.log"
    ran = shell.run(
        "sub", "-n", name, "--no-wait", "--run-on", run_on, "--env", f"LOG={log}", "--env", f"PAUSE={pause}",
        "--grid", f"x=1..{rows}", *options, "--", *ROW,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return log


def counts(shell: Shell, name: str) -> dict[str, int]:
    return dict(json.loads(shell.run("status", name, "--json").stdout)["counts"])


def runs(log: Path) -> Counter[str]:
    return Counter(log.read_text().split())


def test_consumers_elsewhere_run_each_row_once(place: Shell) -> None:
    log = submit(place, "far", 12)

    # Nothing of this machine's own consumers runs the job, not even if somebody watches it
    told = place.run("status", "far").stdout
    assert "no consumer of kubeque work has tasks of the job: start one with kubeque work on any machine" in told
    explained = place.run("explain", "far")
    assert "far waits: no consumer of kubeque work has its 12 pending tasks." in explained.stdout
    assert json.loads(place.run("wanted", "far", "--json").stdout)["consumers"] > 0

    ran = place.run("work", "--consumers", "3", "--idle", "1s")

    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.startswith("3 consumers: 1 job to serve")
    assert runs(log) == {str(x): 1 for x in range(1, 13)}
    assert place.run("watch", "far").returncode == 0
    assert place.run("wanted", "far").stdout == "0\n"
    timeline = place.folder / "t.csv"
    assert place.run("timeline", "far", "-o", str(timeline)).returncode == 0
    assert "work:" in timeline.read_text()


def test_a_watcher_starts_no_consumer_of_a_job_that_runs_elsewhere(place: Shell) -> None:
    log = submit(place, "far", 2)
    watching = place.start("watch", "far")
    time.sleep(2)
    assert not log.exists()
    assert place.run("work", "--consumers", "1", "--idle", "1s").returncode == 0
    assert watching.wait(60) == 0
    assert runs(log) == {"1": 1, "2": 1}


def test_own_consumers_and_others_share_a_job(place: Shell) -> None:
    log = submit(place, "both", 30, "--consumers", "1", pause="0.2", run_on="work, local")
    ran = place.run("work", "--consumers", "1", "--idle", "1s")
    assert ran.returncode == 0, ran.stderr
    assert place.run("watch", "both").returncode == 0
    assert runs(log) == {str(x): 1 for x in range(1, 31)}
    report = place.folder / "r.html"
    assert place.run("report", "both", "-o", str(report)).returncode == 0
    assert f"1 work on {short_host_name()} (" in report.read_text()
    assert f"1 on {short_host_name()} (" in report.read_text()
    timeline = place.folder / "t.csv"
    place.run("timeline", "both", "-o", str(timeline))
    kinds = {line.split(",")[3].split(":")[0] for line in timeline.read_text().splitlines()[1:]}
    assert kinds == {"local", "work"}


def test_a_task_gets_the_variables_of_the_sweep_and_of_the_command_only(
    place: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = place.folder / "env"
    monkeypatch.setenv("OF_SUBMITTER", "secret")
    words = ["-n", "e", "--no-wait", "--run-on", "work", "--env", "A=1", "--shell", f"env > {out}"]
    assert place.run("sub", *words).returncode == 0
    monkeypatch.delenv("OF_SUBMITTER")
    monkeypatch.setenv("OF_WORK", "here")
    assert place.run("work", "--consumers", "1", "--idle", "1s").returncode == 0
    seen = dict(line.partition("=")[::2] for line in out.read_text().splitlines())
    assert (seen["A"], seen["OF_WORK"], seen.get("OF_SUBMITTER")) == ("1", "here", None)
    assert "KUBEQUE_QUEUE_URL" not in seen


def test_a_signal_gives_the_tasks_back_without_a_charge(place: Shell) -> None:
    log = submit(place, "long", 2, pause="60")
    working = place.start("work", "--consumers", "2", "--idle", "1s")
    until("both rows run", lambda: log.exists() and len(runs(log)) == 2)
    found = json.loads(place.run("consumers", "long", "--json").stdout)
    assert [(each["place"], each["kind"], each["job"]) for each in found] == [(short_host_name(), "work", "long")] * 2
    assert {each["running"] for each in found} <= {0, 1, None}
    listed = place.run("consumers").stdout.splitlines()
    assert [line.split()[:3] for line in listed[1:]] == [[short_host_name(), "work", "long"]] * 2

    working.send_signal(signal.SIGTERM)

    assert working.wait(30) == 0, working.communicate()
    found = counts(place, "long")
    assert (found["pending"], found["failed"]) == (2, 0)
    tasks = [json.loads(line) for line in place.run("status", "long", "--tasks", "--json").stdout.splitlines()]
    assert [task["attempts"] for task in tasks] == [0, 0]


def test_consumers_of_a_place_leave_after_their_tasks(place: Shell) -> None:
    log = submit(place, "shared", 2000, pause="0.3")
    working = place.start("work", "--consumers", "2", "--idle", "60s")
    until("both have tasks", lambda: len(json.loads(place.run("consumers", "--json").stdout)) == 2)

    sent = place.run("send-home", short_host_name())

    assert sent.stdout == f"{short_host_name()}: 2 consumers leave after their tasks\n", sent.stderr
    _, err = working.communicate(timeout=110)
    assert working.returncode == 0, err
    assert "kubeque send-home was called: this consumer leaves after its task" in err
    found = counts(place, "shared")
    assert 0 < found["ok"] == sum(runs(log).values()) < 2000, "each begun row has ended"
    assert (found["failed"], found["running"], found["pending"]) == (0, 0, 2000 - found["ok"])
    nobody = place.run("send-home", short_host_name())
    assert nobody.returncode == 2
    assert "no consumer of kubeque work has tasks now" in nobody.stderr
    scaled = place.run("scale", "shared", "7").stdout.splitlines()
    assert scaled[0] == "shared: 7 consumers wanted, 0 run"
    assert scaled[1].startswith("only kubeque work starts consumers of this job: kubeque wanted shared prints")


def test_the_consumers_of_a_killed_command_leave_and_another_takes_their_rows(place: Shell) -> None:
    log = submit(place, "shot", 4, "--lease", "5s", pause="1")
    working = place.start("work", "--consumers", "1", "--idle", "30s")
    until("a row runs", log.exists)
    os.kill(working.pid, signal.SIGKILL)
    working.wait(10)
    ran = place.run("work", "--consumers", "1", "--idle", "10s")
    assert ran.returncode == 0, ran.stderr
    assert place.run("watch", "shot").returncode == 0
    assert counts(place, "shot")["ok"] == 4


def test_the_time_of_the_command_is_kept(place: Shell) -> None:
    log = submit(place, "timed", 100, pause="0.5")
    began = time.time()
    ran = place.run("work", "--consumers", "1", "--for", "8s", "--idle", "60s")
    assert ran.returncode == 0, ran.stderr
    assert time.time() - began > 7.5
    found = counts(place, "timed")
    assert found["ok"] < 100
    assert (found["failed"], found["running"]) == (0, 0)
    assert (
        found["ok"] <= sum(runs(log).values() if log.exists() else ()) <= found["ok"] + 1
    )  # the last row may have been stopped


def test_a_task_that_may_take_longer_than_the_time_does_not_begin(place: Shell) -> None:
    log = submit(place, "slow", 1, "--task-timeout", "2h")
    ran = place.run("work", "--consumers", "1", "--for", "5s", "--idle", "1s")
    assert ran.returncode == 0
    assert "slow is left alone: " in ran.stderr
    assert "and a task may take 2h" in ran.stderr
    assert not log.exists()


@pytest.mark.parametrize(("options", "reason"), [
    (["--cpu", "2"], "its tasks need 2 cores, and 1 are offered: raise --cpu"),
    (["--memory", "900Mi"], "its tasks need 900Mi of memory, and 500Mi are offered: raise --memory"),
])  # fmt: skip
def test_a_job_that_does_not_fit_is_left_alone_with_the_reason(place: Shell, options: list[str], reason: str) -> None:
    if options[0] == "--cpu" and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core")
    log = submit(place, "big", 1, *options)
    ran = place.run("work", "--cpu", "1", "--memory", "500Mi", "--consumers", "1", "--idle", "1s")
    assert ran.returncode == 2
    assert f"big is left alone: {reason}" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("kubeque: no open job runs here: submit one with")
    assert not log.exists()


def test_jobs_are_chosen_by_name(place: Shell) -> None:
    first, second = submit(place, "a-1", 1), submit(place, "b-1", 1)
    assert place.run("work", "--consumers", "1", "--jobs", "b-*", "--idle", "1s").returncode == 0
    assert (first.exists(), second.exists()) == (False, True)


def test_a_store_that_cannot_be_read_here_is_named_before_a_task_is_claimed(place: Shell) -> None:
    log = submit(place, "far", 1)
    url = Path(json.loads(place.run("status", "far", "--json").stdout)["url"])
    url.rename(url.with_name("moved"))
    ran = place.run("work", "--consumers", "1", "--idle", "1s")
    assert ran.returncode == 2
    assert "far is left alone: its store cannot be read here: " in ran.stderr
    assert not log.exists()


@pytest.mark.parametrize(("words", "part"), [
    (["--for", "soon"], "--for"), (["--consumers", "0"], "consumers 0"), (["--cpu", "1000"], "--cpu 1000"),
    (["--memory", "1000Ti"], "--memory"), (["--queue", "sqlite:////nowhere/queue.db"], "there is no queue"),
    ([], "no open job was submitted with --run-on work"),
])  # fmt: skip
def test_wrong_words_are_refused_in_one_line(place: Shell, words: list[str], part: str) -> None:
    place.run("sub", "-n", "own", "true")
    ran = place.run("work", *words)
    assert ran.returncode == 2
    assert part in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(("run_on", "part"), [
    ("home", "'home' is not a place"), ("cluster,work", "write local in place of cluster"), ("work,", "is not a place"),
])  # fmt: skip
def test_places_that_do_not_exist_are_refused(place: Shell, run_on: str, part: str) -> None:
    ran = place.run("sub", "-n", "x", "--run-on", run_on, "true")
    assert ran.returncode == 2
    assert part in ran.stderr
    assert place.run("status", "x").returncode != 0


def test_without_the_option_nothing_changes(place: Shell) -> None:
    assert place.run("sub", "-n", "x", "--run-on", "local", "true").returncode == 0
    assert place.run("work", "--consumers", "1").returncode == 2
