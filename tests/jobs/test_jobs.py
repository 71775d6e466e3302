"""Jobs through the client: they are submitted once, shown completely, repaired by any program, and fetched safely."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from kubeque.client import Client, Existing
from kubeque.files.urls import join
from kubeque.model.errors import DestinationError, JobExists, KubequeError, StorageError
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.rows.grid import sequence
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep


def test_of_many_who_submit_the_same_sweep_at_once_one_makes_the_job(client: Client) -> None:
    said: list[str] = []
    threads = [
        threading.Thread(target=lambda: said.append(client.submit(Sweep(["true"], name="race")).what)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(said) == ["adopted"] * 5 + ["made"]
    assert client.wait("race", timeout=60).counts.ok == 1


def test_a_watcher_never_sees_a_half_made_job(client: Client) -> None:
    seen: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.extend(client.status(job.name).counts.total for job in client.jobs())

    watcher = threading.Thread(target=look)
    watcher.start()
    for number in range(5):
        client.submit(Sweep(["true"], name=f"job-{number}", rows=sequence(2000), consumers=1))
        client.kill(f"job-{number}")
    done.set()
    watcher.join()

    assert set(seen) == {2000}


def test_many_watchers_close_a_job_once_and_write_one_table(client: Client) -> None:
    client.submit(Sweep(["true"], name="closed", rows=sequence(3)))
    watchers = [threading.Thread(target=client.wait, args=("closed",)) for _ in range(4)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()

    job = client.job("closed")
    assert job.closing is not None
    assert job.closing.success
    tables = [path.name for path in Path(job.url).glob("results-*.csv")]
    assert tables == ["results-0.csv"]


def test_a_changed_spec_under_a_taken_name_is_refused_until_one_says_how(client: Client) -> None:
    rows = from_records([{"n": "0"}, {"n": "1"}])
    client.submit(Sweep(["sh", "-c", "exit $1", "sh", "{n}"], name="fix", rows=rows))
    assert client.wait("fix", timeout=60).counts.failed == 1

    mended = Sweep(["sh", "-c", "exit 0", "sh", "{n}"], name="fix", rows=rows)
    with pytest.raises(JobExists, match="--revise"):
        client.submit(mended)
    client.submit(mended, existing=Existing.REPAIR)
    progress = client.wait("fix", timeout=60)

    assert progress.counts.ok == 2
    revisions = [line.view.record.outcome.revision for line in client.lines("fix") if line.view.record.outcome]
    assert revisions == [1, 2]  # the row that was ok was kept


def test_a_reset_of_everything_runs_every_row_again(client: Client) -> None:
    client.submit(Sweep(["true"], name="again", rows=sequence(3)))
    client.wait("again", timeout=60)
    client.reset("again", ResetRule(everything=True))
    client.wait("again", timeout=60)

    assert [row["attempts"] for row in client.table("again")] == [2, 2, 2]


def test_a_removed_job_leaves_nothing(client: Client) -> None:
    client.submit(Sweep(["true"], name="gone"))
    client.wait("gone", timeout=60)
    job = client.remove("gone")

    assert client.jobs() == []
    assert not Path(job.url).parent.exists()
    # And another job with this name, whose folder another file keeps
    job = client.submit(Sweep(["true"], name="gone")).job
    client.wait("gone", timeout=60)
    (Path(job.url).parent / "mine").touch()
    client.remove("gone")
    assert [path.name for path in Path(job.url).parent.iterdir()] == ["mine"]


def test_a_hostile_manifest_writes_nothing_outside_the_destination(client: Client, tmp_path: Path) -> None:
    client.submit(Sweep(["sh", "-c", "echo x > a.txt"], name="evil"))
    client.wait("evil", timeout=60)
    job = client.job("evil")
    (result,) = Path(job.url).glob("tasks/0/*/result.json")
    manifest = json.loads(result.read_text())
    manifest["files"][0]["name"] = "../../../outside.txt"
    result.write_text(json.dumps(manifest))

    with pytest.raises(KubequeError, match=r"outside\.txt"):
        client.fetch("evil", tmp_path / "dest")
    assert not (tmp_path / "outside.txt").exists()


def test_a_damaged_file_is_found_by_its_digest(client: Client, tmp_path: Path) -> None:
    client.submit(Sweep(["sh", "-c", "echo whole > a.txt"], name="damaged"))
    client.wait("damaged", timeout=60)
    (stored,) = Path(client.job("damaged").url).glob("tasks/0/*/files/a.txt")
    stored.write_text("wrong\n")

    with pytest.raises(StorageError, match=r"a\.txt"):
        client.fetch("damaged", tmp_path / "dest")
    assert {path.name for path in (tmp_path / "dest" / "0").iterdir()} == {"stdout.txt", "stderr.txt"}


def test_an_unwritable_store_is_said_before_anything_is_submitted(client: Client, tmp_path: Path) -> None:
    blocked = tmp_path / "home" / "results"
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("a file stands where the folder should be")

    with pytest.raises(StorageError, match="results"):
        client.submit(Sweep(["true"], name="nowhere"))
    assert client.jobs() == []


def test_a_destination_that_is_a_file_is_refused(client: Client, tmp_path: Path) -> None:
    client.submit(Sweep(["true"], name="f"))
    client.wait("f", timeout=60)
    (tmp_path / "dest").write_text("")

    with pytest.raises(DestinationError, match="dest"):
        client.fetch("f", tmp_path / "dest")


def test_a_short_task_without_files_costs_one_object(client: Client) -> None:
    client.submit(Sweep(["echo", "hello"], name="one"))
    client.wait("one", timeout=60)
    job = client.job("one")

    below = [path for path in Path(join(job.url, "tasks")).rglob("*") if path.is_file()]
    assert [path.name for path in below] == ["result.json"]
    assert json.loads(below[0].read_text())["stdout"] == "hello\n"


def test_what_staging_and_saving_took_is_kept_with_the_attempt_and_in_its_result(
    client: Client, tmp_path: Path
) -> None:
    (tmp_path / "data.bin").write_bytes(b"x" * 1_000_000)
    client.submit(Sweep(["sh", "-c", "cp data.bin copy.bin"], name="timed", push=["data.bin"], base=tmp_path))
    client.wait("timed", timeout=60)

    (line,) = client.lines("timed")
    (attempt,) = line.view.record.history
    assert attempt.staging > 0
    assert attempt.saving > 0
    (stored,) = Path(client.job("timed").url).glob("tasks/0/*/result.json")
    result = json.loads(stored.read_text())
    assert result["staging"] == attempt.staging
    assert 0 <= result["saving"] <= attempt.saving


def test_large_values_stay_out_of_the_queue_which_says_that_there_are_some(client: Client) -> None:
    script = 'import json, os; json.dump({"text": "x" * 2000}, open(os.environ["KUBEQUE_OUT"], "w"))'
    client.submit(Sweep(["python3", "-c", script.replace("{", r"\{").replace("}", r"\}")], name="large"))
    client.wait("large", timeout=60)

    (line,) = client.lines("large")
    assert line.view.record.outcome is not None
    assert line.view.record.outcome.out == {}
    assert line.out == {}
    (stored,) = Path(client.job("large").url).glob("tasks/0/*/result.json")
    assert json.loads(stored.read_text())["out"] == {"text": "x" * 2000}
