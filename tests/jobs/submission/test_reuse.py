"""Recurring sweeps: work that was done before is linked and does not run again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client, Existing
from kubeque.files.layout import result_url
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome
from kubeque.model.rows.grid import sequence
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep
from kubeque.queues.block import Block
from kubeque.queues.queue import Queue


class Desk:
    """Helper that submits sweeps of a series. The program records each run, and fails if a file requests that."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.runs = folder / "runs"
        self.bad = folder / "bad"
        self.script = folder / "run.sh"
        self.folder = folder
        self.write(f'echo "$1" >> {self.runs}\necho "result of $1" > out.txt\ntest ! -e {self.bad}.$1')

    def write(self, script: str) -> None:
        self.script.write_text(f"{script}\n")

    def submit(self, name: str, values: Sequence[str], *, existing: Existing = Existing.REFUSE, **more: object) -> int:
        """Submit a sweep and run it to its end. Return the number of linked rows."""
        rows = from_records([{"n": value} for value in values])
        more = {"series": "nightly", "skip_done": True, **more}
        sweep = Sweep(["sh", "^run.sh", "{n}"], rows, name=name, base=self.folder, **more)  # type: ignore[arg-type]
        self.client.submit(sweep, existing=existing)
        self.client.wait(name, timeout=100)
        return sum(bool(outcome.linked) for outcome in self.outcomes(name))

    def outcomes(self, name: str) -> list[Outcome]:
        return [o for line in self.client.lines(name) if (o := line.view.record.outcome) is not None]

    def ran(self) -> list[str]:
        """Return the rows that ran since the last call."""
        there = sorted(self.runs.read_text().split()) if self.runs.exists() else []
        self.runs.unlink(missing_ok=True)
        return there

    def results(self, name: str) -> list[str]:
        """Return the content of the output file of each task, read at the URL of its result."""
        job = self.client.job(name)
        return [Path(result_url(job, outcome), "files", "out.txt").read_text() for outcome in self.outcomes(name)]


@pytest.fixture
def desk(client: Client, tmp_path: Path) -> Desk:
    return Desk(client, tmp_path)


def test_only_what_is_new_runs_and_what_is_done_is_found_where_it_was_made(desk: Desk, tmp_path: Path) -> None:
    # Given a night's sweep with a row that failed
    (tmp_path / "bad.c").touch()
    assert desk.submit("monday", ["a", "b", "c"]) == 0
    assert desk.ran() == ["a", "b", "c"]
    (tmp_path / "bad.c").unlink()

    # When the next night brings rows in another order, with one more and one twice
    assert desk.submit("tuesday", ["b", "d", "a", "c", "b"]) == 3

    # Then what failed or is new runs, and all of it is a result of tuesday
    assert desk.ran() == ["c", "d"]
    assert desk.client.job("tuesday").linked == 3
    assert desk.results("tuesday") == [f"result of {n}\n" for n in "bdacb"]
    facts = [(row["n"], row["state"], row["attempts"], row["files"]) for row in desk.client.table("tuesday")]
    assert facts == [("b", "ok", 1, 1), ("d", "ok", 1, 1), ("a", "ok", 1, 1), ("c", "ok", 1, 1), ("b", "ok", 1, 1)]

    # And fetch brings them as if they had run
    desk.client.fetch("tuesday", tmp_path / "dest")
    assert [(tmp_path / "dest" / str(i) / "out.txt").read_text() for i in range(5)] == desk.results("tuesday")


def test_a_sweep_whose_rows_are_all_done_ends_at_once_without_a_consumer(desk: Desk) -> None:
    desk.submit("monday", ["a", "b"])
    desk.client.stop()

    rows = from_records([{"n": "b"}, {"n": "a"}])
    sweep = Sweep(["sh", "^run.sh", "{n}"], rows, name="again", base=desk.folder, series="nightly", skip_done=True)
    desk.client.submit(sweep)

    job = desk.client.job("again")
    assert job.closing is not None
    assert (job.closing.success, job.closing.counts.ok) == (True, 2)
    assert Path(job.url, "results-0.csv").read_text().count(",ok,") == 2


def test_a_link_of_a_link_leads_to_where_it_was_made(desk: Desk) -> None:
    for night in ("first", "second", "third"):
        desk.submit(night, ["a"])

    home = desk.client.job("first").url
    assert [o.linked for o in desk.outcomes("third")] == [f"{home}/tasks/0"]


def test_a_changed_script_runs_all_rows_and_the_old_one_finds_its_own_again(desk: Desk) -> None:
    before = desk.script.read_text()
    desk.submit("one", ["a", "b"])
    desk.write(before + "# mended")
    assert desk.submit("two", ["a", "b"]) == 0
    desk.write(before.rstrip("\n"))
    assert desk.submit("three", ["a", "b"]) == 2
    assert {o.linked.rpartition("/tasks/")[0] for o in desk.outcomes("three")} == {desk.client.job("one").url}


def test_a_note_names_what_has_changed_since_the_last_job_of_the_series(desk: Desk) -> None:
    def notes(name: str, values: str, command: str = "sh ^run.sh {n}", **more: Any) -> tuple[str, ...]:
        rows = from_records([{"n": value} for value in values])
        sweep = Sweep(command.split(), rows, name=name, base=desk.folder, series="nightly", skip_done=True, **more)
        found = desk.client.submit(sweep).notes
        desk.client.wait(name, timeout=100)
        return found

    assert notes("one", "ab") == ()
    assert notes("more", "abc") == ("2 of 3 rows are done already",)
    desk.write(desk.script.read_text() + "# a comment")
    assert notes("two", "ab") == ("0 of 2 rows are done already: since more, run.sh has changed",)
    assert notes("same", "ab") == ()
    changed = "0 of 2 rows are done already: since same, the command has changed, the environment has changed"
    assert notes("three", "ab", "sh -e ^run.sh {n}", env={"A": "1"}) == (changed,)


def test_other_series_and_those_who_do_not_ask_run_everything(desk: Desk) -> None:
    desk.submit("one", ["a"])
    assert desk.submit("two", ["a"], series="weekly") == 0
    assert desk.submit("three", ["a"], skip_done=False) == 0
    with pytest.raises(UserError, match="series"):
        desk.submit("four", ["a"], series="")


def test_equal_rows_get_a_result_each_as_far_as_there_are_any(desk: Desk) -> None:
    desk.submit("one", ["a", "a"])
    desk.submit("two", ["a", "a", "a"])
    assert [o.linked[-1] for o in desk.outcomes("two")] == ["0", "1", "1"]


def test_repetitions_without_columns_go_on_where_they_ended(client: Client) -> None:
    for name, n in (("ten", 10), ("twelve", 12)):
        client.submit(Sweep(["true"], sequence(n), name=name, series="s", skip_done=True))
        client.wait(name, timeout=60)
    assert client.job("twelve").linked == 10


def test_a_linked_row_that_is_reset_runs_under_a_number_of_its_own(desk: Desk) -> None:
    desk.submit("one", ["a"])
    desk.submit("two", ["a"])
    desk.ran()

    desk.submit("two", ["a"], existing=Existing.REPLACE)

    (outcome,) = desk.outcomes("two")
    assert (desk.ran(), outcome.attempt, outcome.linked) == (["a"], 1, "")


def test_a_hopeless_command_is_stopped_also_beside_linked_rows(desk: Desk) -> None:
    good, bad = [f"g{n}" for n in range(3)], [f"x{n}" for n in range(60)]
    desk.write("case $1 in x*) exit 7;; esac")
    desk.submit("one", good)
    desk.submit("two", [*good, *bad])
    counts = desk.client.status("two").counts
    assert (desk.client.job("two").state, counts.ok) == ("stopped", 3)


# ---------------------------------------------------------------------- revisions
def test_revised_rows_that_are_the_same_are_kept_also_among_others(desk: Desk) -> None:
    # Given a job that is in no series
    desk.submit("job", ["a", "b", "c"], series="", skip_done=False)
    desk.ran()

    # When it is revised with other rows
    assert desk.submit("job", ["c", "d", "a"], existing=Existing.REVISE, series="", skip_done=False) == 2

    # Then only the new one runs
    assert desk.ran() == ["d"]
    assert desk.results("job") == [f"result of {n}\n" for n in "cda"]

    # And once more: the results of the first job are still found
    assert desk.submit("job", ["a", "c", "d"], existing=Existing.REVISE, series="", skip_done=False) == 3
    assert desk.results("job") == [f"result of {n}\n" for n in "acd"]


def test_revised_in_place_only_rows_whose_input_changed_run_again(client: Client, tmp_path: Path) -> None:
    # Given a sweep with a file for each row, of which one row fails
    rows = from_records([{"region": region} for region in ("north", "south", "west")])
    for region in ("north", "south", "west"):
        (tmp_path / f"{region}.txt").write_text("1")
    (tmp_path / "west.txt").write_text("bad")

    def submit(existing: Existing, *words: str) -> list[tuple[str, int]]:
        command = ["sh", "-c", 'grep -q 1 "$1"', "sh", "^{region}.txt", *words]
        client.submit(Sweep(command, rows, name="job", base=tmp_path), existing=existing)
        client.wait("job", timeout=60)
        return [(line.view.state, len(line.view.record.history)) for line in client.lines("job")]

    assert submit(Existing.REFUSE) == [("ok", 1), ("ok", 1), ("failed", 1)]
    uid = client.job("job").uid

    # When one good file changes and the bad one is corrected
    (tmp_path / "south.txt").write_text("11")
    (tmp_path / "west.txt").write_text("111")

    # Then these two run again, in the same job
    assert submit(Existing.REVISE) == [("ok", 1), ("ok", 2), ("ok", 2)]
    assert (client.job("job").uid, client.job("job").revision) == (uid, 2)

    # And with another command all of them
    assert submit(Existing.REVISE, "more") == [("ok", 2), ("ok", 3), ("ok", 3)]

    # A repair keeps ok rows of the earlier command, and a revision with the same sweep runs them
    (tmp_path / "west.txt").write_text("bad")
    assert submit(Existing.REVISE, "more")[2] == ("failed", 4)
    (tmp_path / "west.txt").write_text("1")
    assert submit(Existing.REPAIR, "most") == [("ok", 2), ("ok", 3), ("ok", 5)]
    assert submit(Existing.REVISE, "most") == [("ok", 3), ("ok", 4), ("ok", 5)]
    assert submit(Existing.REVISE, "most") == [("ok", 3), ("ok", 4), ("ok", 5)]


def test_with_more_memory_only_what_failed_runs_again(client: Client, tmp_path: Path) -> None:
    rows = from_records([{"n": "0"}, {"n": "1"}])
    client.submit(Sweep(["sh", "-c", "exit $1", "sh", "{n}"], rows, name="job"))
    client.wait("job", timeout=60)

    client.submit(
        Sweep(["sh", "-c", "exit 0", "sh", "{n}"], rows, name="job", memory="100Mi"), existing=Existing.REPAIR
    )
    client.wait("job", timeout=60)

    assert [bool(line.view.record.outcome.linked) for line in client.lines("job") if line.view.record.outcome] == [
        True,
        False,
    ]


def test_keys_are_stored_in_the_order_of_rows(desk: Desk) -> None:
    desk.submit("one", ["a", "b", "a"])
    job = desk.client.job("one")
    stored = Path(job.url, "keys-1.bin").read_bytes()
    assert len(stored) == 48
    assert stored[:16] == stored[32:] != stored[16:32]


def test_a_job_says_what_it_links_to(desk: Desk) -> None:
    desk.submit("one", ["a", "b", "c", "d"])
    desk.submit("two", ["d", "a", "b"])
    first, second = desk.client.job("one"), desk.client.job("two")
    assert json.loads(Path(second.url, "links.json").read_text()) == {first.url: [[0, 2], [3, 4]]}


# ---------------------------------------------------------------------- removal
def test_a_forged_link_deletes_nothing(desk: Desk, tmp_path: Path) -> None:
    # Given links, to which a task program can write, with URLs that are not the folder of a job of this queue
    desk.submit("one", ["a", "b"])
    desk.submit("two", ["b", "a"])
    first, second = desk.client.job("one"), desk.client.job("two")
    prefix = str(Path(first.url).parent.parent)
    uid = "aaaaaaaaaaa2"
    forged = [
        str(tmp_path / "victim"), str(tmp_path / "victim" / "name" / uid), f"{prefix}/../victim/{uid}",
        f"{prefix}/other/{uid}", f"{prefix}/foreign/{uid}", f"{prefix}/copied/{uid}", f"{prefix}/one", prefix,
        "gs://bucket/name/aaaaaaaaaaa2", f"{prefix}/linked/{uid}",
    ]  # fmt: skip
    Path(prefix, "linked").symlink_to(tmp_path / "victim" / "name")
    owner = Path(first.url, "job.json").read_text()
    for url in filter(os.path.isabs, forged):
        os.makedirs(os.path.realpath(url), exist_ok=True)
        Path(url, "thesis.tex").write_text("precious")
    victim = tmp_path / "victim"
    for folder in (victim, victim / "name" / uid, victim / uid, Path(prefix, "copied", uid)):
        folder.mkdir(exist_ok=True)
        (folder / "job.json").write_text(owner)
    Path(prefix, "foreign", uid, "job.json").write_text('{"queue": "another"}')
    links = Path(second.url, "links.json")
    links.write_text(json.dumps(json.loads(links.read_text()) | {url: [] for url in forged}))

    # When the jobs are removed
    desk.client.remove("two")
    desk.client.remove("one")

    # Then only their own folders are gone
    assert not os.path.exists(first.url)
    assert not os.path.exists(second.url)
    assert [url for url in filter(os.path.isabs, forged) if not Path(url, "thesis.tex").exists()] == []


@pytest.mark.parametrize("stored", ["[" * 100_000, None])
def test_links_that_are_damaged_or_gone_are_read_from_the_queue(desk: Desk, stored: str | None) -> None:
    desk.submit("one", ["a", "b"])
    desk.submit("two", ["b"])
    first, links = Path(desk.client.job("one").url), Path(desk.client.job("two").url, "links.json")
    links.unlink() if stored is None else links.write_text(stored)

    desk.client.remove("one")
    desk.client.gc(really=True)

    assert desk.results("two") == ["result of b\n"]
    assert [path.name for path in (first / "tasks").iterdir()] == ["1"]


def test_what_a_later_job_links_to_stays_until_the_last_of_them_is_removed(desk: Desk) -> None:
    # Given three nights, of which the last ones link to the first
    desk.submit("one", ["a", "b", "c"])
    desk.submit("two", ["c", "a"])
    desk.submit("three", ["a"])
    first, second = Path(desk.client.job("one").url), Path(desk.client.job("two").url)

    # When the first is removed, and the second after it
    told: list[str] = []
    desk.client.remove("one", tell=told.append)
    assert told == ["the results of 2 tasks stay, because later jobs link to them: two, three"]
    assert sorted(path.name for path in (first / "tasks").iterdir()) == ["0", "2"]
    assert desk.results("two") == ["result of c\n", "result of a\n"]
    desk.client.remove("two")

    # Then what the third links to is still there, and a fourth finds it through the third
    assert not second.exists()
    assert [path.name for path in (first / "tasks").iterdir()] == ["0"]
    assert desk.submit("four", ["a"]) == 1
    assert desk.results("three") == desk.results("four") == ["result of a\n"]

    # And with the last of them it goes
    desk.client.remove("three")
    assert desk.results("four") == ["result of a\n"]
    desk.client.remove("four")
    assert not first.parent.exists()


def test_a_job_removed_while_it_is_being_linked_to_costs_a_second_run_and_no_result(
    client: Client, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a user that removes the job after its results were found and before the new one is visible
    desk.submit("one", ["a", "b"])
    desk.ran()
    create = Queue.create

    def late(queue: Queue, job: Job, content: Iterable[Block]) -> Job:
        blocks = list(content)
        monkeypatch.undo()
        client.remove("one")
        return create(queue, job, blocks)

    monkeypatch.setattr(Queue, "create", late)

    # When the next night is submitted
    desk.submit("two", ["b", "a", "c"])

    # Then the rows run that were linked in vain
    assert desk.ran() == ["a", "b", "c"]
    assert desk.results("two") == ["result of b\n", "result of a\n", "result of c\n"]
