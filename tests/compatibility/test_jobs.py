"""Jobs that an earlier version left in the queue and the store are read, fetched, repaired and removed."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.compatibility.placing import VERSIONS, Placed, placed

pytestmark = pytest.mark.rotating

#: State of each job, and the number of its tasks in each state.
STANDING = {
    "closed": ("failed", {"ok": 2, "failed": 1}),
    "grid": ("success", {"ok": 4}),
    "revised": ("success", {"ok": 2}),
    "oom": ("failed", {"ok": 2, "failed": 1}),
    "expired": ("success", {"ok": 2}),
    "nightly-1": ("success", {"ok": 4}),
    "nightly-2": ("success", {"ok": 6}),
    "held": ("held", {"ok": 2, "held": 4}),
    "killed": ("killed", {"ok": 1, "killed": 2}),
    "lost": ("failed", {"ok": 2, "failed": 1}),
}
PROGRAM = ("sh", "^row.sh", "{n}")


def results(folder: Path) -> list[dict[str, str]]:
    with open(folder / "results.csv", newline="") as file:
        return list(csv.DictReader(file))


def below(folder: Path) -> set[str]:
    """The files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------------- read
def test_each_job_is_listed_and_stands_as_it_stood(old: Placed) -> None:
    assert {job["job"] for job in old.json("list")} == {*STANDING, "running"}
    stand = {job["job"]: job for job in old.json("status")}
    for name, (state, counts) in STANDING.items():
        found = {key: count for key, count in stand[name]["counts"].items() if count}
        assert (stand[name]["state"], found) == (state, counts), name


def test_jobs_and_tasks_are_shown(old: Placed) -> None:
    with old.client() as client:
        for name, (_, counts) in STANDING.items():
            assert Counter(row["state"] for row in client.table(name)) == counts
            assert client.details(name).progress.counts.ok == counts["ok"]
    shown = old.json("show", "nightly-2")
    assert (shown["series"], shown["command"], shown["causes"]) == ("nightly", list(PROGRAM), {"ok": 6})
    assert "series" in old.run("show", "nightly-2")


def test_causes_attempts_and_rows_are_kept(old: Placed) -> None:
    assert [(task["cause"], task["attempts"]) for task in old.tasks("oom")] == [("ok", 1), ("ok", 2), ("oom", 2)]
    assert [attempt["cause"] for attempt in old.json("show", "oom", "1")["history"]] == ["oom", "ok"]
    assert [task["cause"] for task in old.tasks("lost")] == ["ok", "lost", "ok"]
    assert [(task["cause"], task["exit_code"]) for task in old.tasks("closed")] == [("ok", 0), ("exit", 3), ("ok", 0)]
    assert old.run("params", "closed").split() == ["n", "10", "11", "12"]
    assert "row 11 fails" in old.run("peek", "closed", "1", "--stderr")


def test_the_last_run_of_a_row_is_repeated_with_the_same_outcome(old: Placed) -> None:
    assert "the same outcome" in old.run("replay", "closed", "0")


def test_tables_pages_and_pictures_are_written(old: Placed) -> None:
    desk = old.shell.folder
    old.run("collect", "nightly-2", "-o", "table.csv")
    with open(desk / "table.csv", newline="") as file:
        assert [row["out.twice"] for row in csv.DictReader(file)] == ["2", "4", "6", "8", "10", "12"]
    old.run("report", "closed", "-o", "report.html")
    old.run("timeline", "closed", "oom", "-o", "timeline.json")
    assert "<html" in (desk / "report.html").read_text()
    assert json.loads((desk / "timeline.json").read_text())


# ---------------------------------------------------------------------- fetch
def test_results_are_fetched(old: Placed) -> None:
    with old.client() as client:
        for name, (_, counts) in STANDING.items():
            folder = old.root / "fetched" / name
            client.fetch(name, folder)
            assert Counter(row["state"] for row in results(folder)) == counts
            for row in results(folder):
                if row["state"] == "ok" and name not in ("grid", "oom", "expired"):
                    assert (folder / row["index"] / "deep" / "twice.txt").read_text() == f"{row['n']} {row['n']}\n"


def test_a_fetched_folder_is_continued(old: Placed) -> None:
    # Given a folder with two of three rows, and one with all rows of another job
    done = old.json("fetch", "closed", "fetched-closed")
    assert (done["tasks"], done["kept"], done["restored"]) == (1, 2, 0)
    assert "2/deep/twice.txt" in below(old.shell.folder / "fetched-closed")
    done = old.json("fetch", "nightly-2", "fetched-nightly-2")
    assert (done["tasks"], done["kept"], done["restored"]) == (0, 6, 0)

    # When a file has changed, then it is fetched again
    (old.shell.folder / "fetched-nightly-2" / "3" / "deep" / "twice.txt").write_text("changed")
    done = old.json("fetch", "nightly-2", "fetched-nightly-2")
    assert (done["tasks"], done["restored"]) == (1, 1)

    # And it stays the folder of its job
    assert old.shell.run("fetch", "grid", "fetched-closed").returncode == 2


# ---------------------------------------------------------------------- run again
@pytest.mark.parametrize(("name", "again"), [("closed", [1]), ("lost", [1]), ("killed", [1, 2])])
def test_a_reset_job_ends_and_only_what_was_not_ok_runs(old: Placed, name: str, again: list[int]) -> None:
    before = old.ran(name)
    old.run("reset", name)
    old.run("watch", name)
    assert old.json("status", name)["state"] == "success"
    assert old.ran(name) - before == Counter((name, index) for index in again)
    assert all(task["attempts"] == 1 for task in old.tasks(name) if task["index"] not in again)


def test_rows_that_are_done_in_the_series_do_not_run_again(old: Placed) -> None:
    # Given a series of the old version with rows 1 to 6
    jobs = ("nightly-0", "nightly-1", "nightly-2", "nightly-3")
    before = old.ran(*jobs)
    rows = old.shell.write("next.csv", "n\n" + "".join(f"{n}\n" for n in range(1, 8)))

    # When its next sweep has these and one more
    words = ("-n", "nightly-3", "-p", rows.name, "--series", "nightly", "--skip-done")
    assert "6 of them linked to earlier jobs" in old.run("sub", *words, *PROGRAM)

    # Then only that one runs, and the results of all are there
    assert old.ran(*jobs) - before == {("nightly-3", 6): 1}
    old.run("fetch", "nightly-3", "there")
    assert [row["state"] for row in results(old.shell.folder / "there")] == ["ok"] * 7
    texts = [(old.shell.folder / "there" / str(n - 1) / "deep" / "twice.txt").read_text() for n in range(1, 8)]
    assert texts == [f"{n} {n}\n" for n in range(1, 8)]


def test_a_row_counts_under_the_revision_that_it_ran_under(old: Placed) -> None:
    jobs = ("revised", "weekly-2", "weekly-3")
    before = old.ran(*jobs)
    words = ("--series", "weekly", "--skip-done", "-p", "revised.csv")
    old.run("sub", "-n", "weekly-2", *words, *PROGRAM, "more")
    assert old.ran(*jobs) == before
    old.run("sub", "-n", "weekly-3", *words, *PROGRAM)
    assert old.ran(*jobs) - before == {("weekly-3", 0): 1, ("weekly-3", 1): 1}


def test_the_same_submission_finds_its_job(old: Placed) -> None:
    words = ("-n", "grid", "--grid", "a=1,2", "--grid", "b=x,y", "--env", "MODE=old", "echo")
    assert "already, unchanged" in old.run("sub", *words, "{a}{b}")
    assert old.shell.run("sub", *words, "{b}{a}").returncode == 2


def test_a_job_is_revised(old: Placed) -> None:
    before = old.ran("closed")
    assert "revised" in old.run("sub", "-n", "closed", "-p", "closed.csv", "--memory", "200Mi", "--revise", *PROGRAM)
    assert old.ran("closed") - before == {("closed", 1): 1}


def test_a_job_like_an_old_one_runs(old: Placed) -> None:
    rows = old.shell.write("other.csv", "n\n70\n71\n")
    old.run("sub", "-n", "alike", "--like", "closed", "-p", rows.name)
    assert old.ran("alike") == {("alike", 0): 1, ("alike", 1): 1}


def test_a_held_job_goes_on(old: Placed) -> None:
    before = old.ran("held")
    old.run("go", "held")
    old.run("watch", "held")
    assert old.counts("held") == {"ok": 6}
    assert old.ran("held") - before == Counter(("held", index) for index in (1, 2, 3, 4))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("same_boot", [True, False], ids=["same boot", "machine restarted"])
def test_a_job_whose_consumer_is_gone_goes_on(version: str, same_boot: bool, tmp_path: Path) -> None:
    # Given a job of which two rows are ok, and whose consumer died in the third one
    old = placed(version, tmp_path / "old", same_boot=same_boot)
    before = old.ran("running")

    # When somebody watches it, then it is reaped and ends, and what was ok does not run again
    old.run("watch", "running")
    assert old.counts("running") == {"ok": 6}
    assert old.ran("running") - before == Counter(("running", index) for index in (2, 3, 4, 5))
    # Only of a consumer that is known to be dead is it known which task it ran.
    causes = [attempt["cause"] for attempt in old.json("show", "running", "2")["history"]]
    assert causes == (["lost", "ok"] if same_boot else ["ok"])
    with old.client() as client:
        client.stop()


def test_the_jobspec_of_an_old_version_is_submitted(old: Placed) -> None:
    spec = old.shell.write("jobspec.json", json.dumps(old.text("jobspec")))
    old.run("sub", "-f", spec.name)
    assert old.counts("spec") == {"ok": 3}
    assert old.ran("spec") == {("spec", 0): 1, ("spec", 1): 1, ("spec", 2): 1}
    assert old.json("show", "spec")["series"] == "specs"


# ---------------------------------------------------------------------- clear away
def test_gc_takes_what_nobody_needs_and_nothing_else(old: Placed) -> None:
    # Given results of a removed job that others link to
    home = old.shell.home
    (linked,) = (home / "results" / "nightly-0").iterdir()
    kept = below(linked)
    (expired,) = (home / "results" / "expired").iterdir()

    # When what can go is cleared away
    found = old.json("gc", "--yes")
    assert [(piece["kind"], piece["name"]) for piece in found["pieces"]] == [("expired", "expired")]

    # Then that is the expired job alone
    assert not expired.exists()
    assert below(linked) == kept
    old.run("fetch", "nightly-2", "there")
    assert [row["state"] for row in results(old.shell.folder / "there")] == ["ok"] * 6

    # And when nothing links to the removed job any more, its results go with the last one
    for name in ("nightly-2", "nightly-1"):
        old.run("remove", name, "--yes")
    assert not linked.exists()


def test_gc_knows_the_folders_of_this_queue(old: Placed) -> None:
    # Given a job that was removed before its end: its folder stays for consumers that may still run
    (folder,) = (old.shell.home / "results" / "held").iterdir()
    old.run("remove", "held", "--yes")
    assert below(folder) == {"job.json"}

    # Then gc takes it, and none of another queue
    note = json.loads((folder / "job.json").read_text())
    other = folder.with_name("abcdefghijkm")
    other.mkdir()
    (other / "job.json").write_text(json.dumps({**note, "queue": "0" * 16}))
    os.utime(other / "job.json", (0, 0))
    old.run("gc", "--yes")
    assert (folder.exists(), other.exists()) == (False, True)


def test_a_removed_job_leaves_what_others_link_to(old: Placed) -> None:
    url = Path(old.json("show", "nightly-1")["url"])
    old.run("remove", "nightly-1", "--yes")
    assert {name.split("/")[1] for name in below(url) if name.startswith("tasks/")} == {"2", "3"}
    old.run("fetch", "nightly-2", "there")
    assert (old.shell.folder / "there" / "3" / "deep" / "twice.txt").read_text() == "4 4\n"


def test_a_removed_job_is_gone_with_its_results(old: Placed) -> None:
    with old.client() as client:
        for name in ("closed", "revised", "killed", "grid", "running"):
            (url,) = (old.shell.home / "results" / name).iterdir()
            client.remove(name)
            assert below(url) <= {"job.json"}
    left = {job["job"] for job in old.json("list")}
    assert left == {"oom", "lost", "expired", "nightly-1", "nightly-2", "held"}
