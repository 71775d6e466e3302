"""The submit operator: sweeps from a DAG, on the default local queue."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.rows.grid import grid, sequence
from kubeque_provider.airflow_retries import Try, find_faults
from kubeque_provider.airflow_versions import AIRFLOW_2, AirflowFailException, AirflowSkipException
from kubeque_provider.exceptions import BadSweep, RowsFailed, SweepFailed
from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor
from kubeque_provider.table import frame, records
from tests.provider.conftest import Run

Execute = Callable[..., Any]
#: Script that fails in the rows listed in a file beside it. It writes each run of a row to a second file.
SCRIPT = """#!/bin/sh
echo "$1" >> RUNS
case " $(cat BAD) " in *" $1 "*) echo "no luck with $1" >&2; exit 3;; esac
"""


#: Airflow 2 renders the outputs of upstream tasks by their class, Airflow 3 by their method.
Resolved: Any = import_module("airflow.utils.mixins").ResolveMixin if AIRFLOW_2 else object


class Upstream(Resolved):  # type: ignore[misc]
    """The output of an upstream Airflow task in the form that an operator's field gets."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def iter_references(self) -> Any:
        return iter(())

    def resolve(self, context: Any, *more: Any, **fields: Any) -> Any:
        return self.value


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "run.sh"
    path.write_text(SCRIPT.replace("RUNS", str(tmp_path / "runs")).replace("BAD", str(tmp_path / "bad")))
    path.chmod(0o755)
    (tmp_path / "bad").write_text("")
    return path


def runs(folder: Path) -> list[str]:
    """Return the rows that ran since the last call, in order of their values."""
    path = folder / "runs"
    found = sorted(path.read_text().split()) if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def table(pointer: dict[str, Any]) -> list[dict[str, Any]]:
    with Client() as client:
        return client.table(pointer["job_id"])


def outputs(pointer: dict[str, Any], folder: Path) -> list[str]:
    with Client() as client:
        client.fetch(pointer["job_id"], folder / "fetched")
    return [
        (folder / "fetched" / str(index) / "stdout.txt").read_text() for index in range(sum(pointer["counts"].values()))
    ]


def test_a_sweep_runs_and_its_pointer_comes_back(submit: Execute, run: Any, tmp_path: Path) -> None:
    pointer = submit(["/bin/echo", "{a}"], parameters=[{"a": 1}, {"a": "x y"}])
    assert outputs(pointer, tmp_path) == ["1\n", "x y\n"]
    assert pointer["counts"] == {"pending": 0, "running": 0, "ok": 2, "failed": 0, "killed": 0, "held": 0}
    assert pointer["conn_id"] == "kubeque_default"
    assert Path(pointer["results"]).is_dir()
    assert run.xcoms["submit", "job_id"] == pointer["job_id"]


def test_parameters_come_in_many_kinds(submit: Execute, tmp_path: Path) -> None:
    import pandas

    (tmp_path / "p.csv").write_text("a\n1\n2\n")
    for number, parameters in enumerate(
        (grid(a=[1, 2]), pandas.DataFrame({"a": [1, 2]}), [{"a": 1}, {"a": 2}], str(tmp_path / "p.csv"), "p.csv")
    ):
        pointer = submit(["/bin/echo", "{a}"], parameters=parameters, job_id=f"job-{number}")
        # Rows from Python keep the types of their values; a CSV file has texts.
        assert [record["a"] for record in table(pointer)] == ([1, 2] if number < 3 else ["1", "2"])
    assert len(table(submit(["/bin/echo", "{index}"], parameters=sequence(3), job_id="seq"))) == 3
    assert len(table(submit(["/bin/echo", "one"], job_id="none"))) == 1


def test_relative_paths_start_at_the_folder_of_the_dag_file(tmp_path: Path, run: Any, monkeypatch: Any) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "say.sh").write_text("#!/bin/sh\necho said $1\n")
    (dags / "say.sh").chmod(0o755)
    (dags / "p.csv").write_text("a\n7\n")
    (dags / "a_dag.py").write_text(
        "import pendulum\n"
        "from airflow.providers.common.compat.sdk import DAG\n"
        "from kubeque_provider.operators.submit import KubequeSubmitOperator\n"
        "with DAG('a_dag', schedule=None, start_date=pendulum.datetime(2026, 1, 1)):\n"
        "    submit = KubequeSubmitOperator(task_id='submit', command=['^say.sh', '{a}'], parameters='p.csv',"
        " wait=True, poke_interval=0.1)\n"
    )
    monkeypatch.syspath_prepend(str(dags))
    monkeypatch.chdir("/")
    import a_dag  # type: ignore[import-not-found]

    pointer = run.execute(a_dag.submit)
    assert outputs(pointer, tmp_path) == ["said 7\n"]
    sys.modules.pop("a_dag")


def test_what_jinja_and_rows_bring_reaches_the_program_as_one_argument(submit: Execute, tmp_path: Path) -> None:
    hostile = "{b} ^x $(id) ; 'q' {{ 1 }}"
    pointer = submit(
        ["/usr/bin/printf", "[%s]", "{a}", "{{ v }}", "\\{{a}\\}"],
        parameters=[{"a": "{z}^;"}],
        variables={"v": hostile},
    )
    assert outputs(pointer, tmp_path) == [f"[{{z}}^;][{hostile}][{{{{z}}^;}}]"]


def test_cells_are_rendered_but_what_they_become_is_data(submit: Execute, tmp_path: Path) -> None:
    rows = [{"a": "{{ v }}"}, {"a": "{a}"}]
    pointer = submit(["/bin/echo", "{a}"], parameters=rows, render_rows=True, variables={"v": "{{ w }}"})
    assert outputs(pointer, tmp_path) == ["{{ w }}\n", "{a}\n"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"command": ["/bin/echo", "{b}"]}, "the columns are a"),
        ({"command": ["/bin/echo", "{a"]}, "unbalanced brace"),
        ({"command": ["python3", "^nowhere.py"]}, "nowhere.py"),
        ({"command": "echo {a}"}, "write a list of texts"),
        ({"command": ["/bin/echo"], "parameters": "nowhere.csv"}, "nowhere.csv"),
        ({"command": ["/bin/echo"], "parameters": []}, "there are no rows"),
        ({"command": ["/bin/echo"], "memory": "lots"}, "lots"),
    ],
)
def test_what_is_wrong_in_the_dag_fails_at_once_and_submits_nothing(
    submit: Execute, fields: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadSweep, match=says):
        submit(**{"parameters": [{"a": 1}], **fields})
    with Client() as client:
        assert client.jobs() == []


class TestNoRows:
    """Parameters without a row."""

    @pytest.mark.parametrize(
        ("source", "on_empty", "end"),
        [
            ("upstream", None, AirflowSkipException),
            ("upstream", "fail", BadSweep),
            ("template", None, AirflowSkipException),
            ("template", "fail", BadSweep),
            ("file", None, BadSweep),
            ("file", "skip", AirflowSkipException),
            ("list", None, BadSweep),
            ("list", "skip", AirflowSkipException),
        ],
    )
    def test_the_source_and_on_empty_decide(
        self, submit: Execute, tmp_path: Path, source: str, on_empty: Any, end: type[Exception]
    ) -> None:
        (tmp_path / "empty.csv").write_text("a\n")
        sources = {
            "upstream": Upstream([]), "template": "{{ folder }}/empty.csv", "file": str(tmp_path / "empty.csv"),
            "list": [],
        }  # fmt: skip
        with pytest.raises(end, match="no rows"):
            submit(["/bin/echo", "{a}"], 1, {"folder": tmp_path}, parameters=sources[source], on_empty=on_empty)
        with Client() as client:
            assert client.jobs() == []

    def test_success_passes_a_pointer_on_that_all_operators_know(
        self, submit: Execute, run: Run, wait: Execute, tmp_path: Path
    ) -> None:
        pointer = submit(["/bin/echo", "{a}"], parameters=[], on_empty="success")
        assert (pointer["job_id"], set(pointer["counts"].values())) == (None, {0})
        assert run.xcoms["submit", "job_id"] is None
        assert wait(pointer) == pointer
        assert records(pointer) == []
        assert frame(pointer).empty
        with pytest.raises(AirflowSkipException, match="the sweep has no rows"):
            run.execute(KubequeCollectOperator(task_id="c", job_id=pointer, dest=str(tmp_path / "t.csv")))

    def test_another_word_is_refused(self, submit: Execute) -> None:
        with pytest.raises(BadSweep, match="on_empty 'ignore': use one of skip, fail, success"):
            submit(["/bin/echo", "{a}"], parameters=[{"a": 1}], on_empty="ignore")


def test_failing_rows_are_named(submit: Execute, script: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("2 3")
    with pytest.raises(SweepFailed) as error:
        submit([f"^{script}", "{a}"], parameters=grid(a=[1, 2, 3]))
    assert "1 of 3 rows are ok, 2 failed" in str(error.value)
    assert "row 1 (a=2): exit 3" in str(error.value)
    assert "no luck with 3" in str(error.value)
    assert "a=1" not in str(error.value)


@pytest.mark.parametrize("waits", ["submit", "sensor"])
def test_a_module_beside_the_script_that_was_not_sent_is_named(
    submit: Execute, run: Run, tmp_path: Path, waits: str
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/helper.py").touch()
    (tmp_path / "src/train.py").write_text("import helper\n")
    command = [sys.executable, "^src/train.py"]
    sensor = None if waits == "submit" else KubequeJobSensor(
        task_id="wait", job_id=submit(command, wait=False), poke_interval=0.1
    )  # fmt: skip
    with pytest.raises(SweepFailed, match=r'upload the missing file, set push=\["src/helper.py"\] in the Airflow task'):
        run.execute(sensor) if sensor else submit(command, wait=True)


@pytest.mark.parametrize("equal", [True, False])
def test_of_many_failing_rows_the_first_ten_are_named_unless_all_are_equal(submit: Execute, equal: bool) -> None:
    fails = "exit 1" if equal else "exec sh -c 'echo no $0 >&2; exit 1' $0"
    with pytest.raises(SweepFailed) as error:
        # One that is ok comes first: where all fail alike the job is stopped.
        submit(
            ["/bin/sh", "-c", f"[ $0 = ok ] || {fails}", "{a}"],
            parameters=grid(a=["ok", *(f"{letter}\x1b[2J\n" for letter in "abcdefghijkl")]),
        )
    lines = str(error.value).splitlines()
    if equal:
        assert lines[1] == "  12 rows with the same error (rows 1, 2, 3 and 9 more):"
        assert "row 1 (a=a" in lines[2]
        assert "row 2" not in str(error.value)
    else:
        assert [line.split()[1] for line in lines[1:11]] == [str(n) for n in range(1, 11)]
        assert "and 2 more" in lines[11]
    assert "\x1b" not in str(error.value)


def test_as_many_rows_may_fail_as_allowed(submit: Execute) -> None:
    pointer = submit(["/bin/sh", "-c", "exit {a}"], parameters=grid(a=[0, 1]), allow_failed=1)
    assert pointer["counts"]["failed"] == 1


class TestClear:
    """A try that finds the job of an earlier try."""

    def test_after_a_failed_run_only_failed_rows_run_again(
        self, submit: Execute, script: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "bad").write_text("2")
        with pytest.raises(SweepFailed):
            submit([f"^{script}", "{a}"], parameters=grid(a=[1, 2, 3]))
        assert runs(tmp_path) == ["1", "2", "3"]
        (tmp_path / "bad").write_text("")
        with caplog.at_level(logging.INFO):
            pointer = submit([f"^{script}", "{a}"], 2, parameters=grid(a=[1, 2, 3]))
        assert runs(tmp_path) == ["2"]
        assert pointer["counts"]["ok"] == 3

    def test_a_mended_script_runs_for_the_failed_rows_under_a_new_revision(
        self, submit: Execute, script: Path, tmp_path: Path, capfd: Any, caplog: Any
    ) -> None:
        (tmp_path / "bad").write_text("2")
        with pytest.raises(SweepFailed):
            submit([f"^{script}", "{a}"], parameters=grid(a=[1, 2, 3]))
        runs(tmp_path)
        script.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/runs\n')
        pointer = submit([f"^{script}", "{a}"], 2, parameters=grid(a=[1, 2, 3]))
        assert runs(tmp_path) == ["2"]
        with Client() as client:
            assert client.job(pointer["job_id"]).revision == 2
        said = "".join([*capfd.readouterr(), caplog.text])
        assert "2 of 3 rows have ok results of an earlier script (revision 1, now 2): on_clear='changed'" in said

    def test_after_a_delivered_success_all_rows_run_again(self, submit: Execute, script: Path, tmp_path: Path) -> None:
        for attempt in (1, 2, 3):
            pointer = submit([f"^{script}", "{a}"], attempt, parameters=grid(a=[1, 2]))
            assert runs(tmp_path) == ["1", "2"]
        assert pointer["counts"]["ok"] == 2

    def test_a_retry_behind_a_lost_submission_runs_nothing_twice(
        self, submit: Execute, wait: Execute, script: Path, tmp_path: Path
    ) -> None:
        first = submit([f"^{script}", "{a}"], parameters=grid(a=[1, 2]), wait=False)
        again = submit([f"^{script}", "{a}"], 2, parameters=grid(a=[1, 2]), wait=False)
        with Client() as client:
            client.wait(first["job_id"], timeout=60)
        late = submit([f"^{script}", "{a}"], 3, parameters=grid(a=[1, 2]), wait=False)
        assert first["job_id"] == again["job_id"] == late["job_id"]
        assert runs(tmp_path) == ["1", "2"]
        # Once the sensor has returned, a second submission is intended.
        wait(late)
        wait(submit([f"^{script}", "{a}"], 4, parameters=grid(a=[1, 2]), wait=False))
        assert runs(tmp_path) == ["1", "2"]

    def test_a_try_behind_one_that_airflow_lost_after_its_success_runs_nothing_twice(
        self, submit: Execute, script: Path, tmp_path: Path
    ) -> None:
        # Given a try that saw its sweep through, of which Airflow has no record
        first = submit([f"^{script}", "{a}"], parameters=grid(a=[1, 2]))
        # When Airflow tries again by itself, then what came of it is delivered once more,
        for attempt in (2, 3):
            assert submit([f"^{script}", "{a}"], attempt, {"cleared": False}, parameters=grid(a=[1, 2])) == first
        assert runs(tmp_path) == ["1", "2"]
        # and a clear lets all rows run again.
        submit([f"^{script}", "{a}"], 4, parameters=grid(a=[1, 2]))
        assert runs(tmp_path) == ["1", "2"]

    @pytest.mark.parametrize(
        ("on_clear", "after_failure", "after_success"),
        [
            ("failed_rows", ["2"], []),
            ("changed", ["2"], []),
            ("all", ["1", "2"], ["1", "2"]),
        ],
    )
    def test_on_clear_chooses(
        self, submit: Execute, script: Path, tmp_path: Path, on_clear: str, after_failure: Any, after_success: Any
    ) -> None:
        (tmp_path / "bad").write_text("2")
        with pytest.raises(SweepFailed):
            submit([f"^{script}", "{a}"], parameters=grid(a=[1, 2]), on_clear=on_clear)
        runs(tmp_path)
        (tmp_path / "bad").write_text("")
        submit([f"^{script}", "{a}"], 2, parameters=grid(a=[1, 2]), on_clear=on_clear)
        assert runs(tmp_path) == after_failure
        submit([f"^{script}", "{a}"], 3, parameters=grid(a=[1, 2]), on_clear=on_clear)
        assert runs(tmp_path) == after_success

    def test_skip_takes_the_job_as_it_is(self, submit: Execute, script: Path, tmp_path: Path) -> None:
        submit([f"^{script}", "{a}"], parameters=grid(a=[1, 2]))
        runs(tmp_path)
        assert submit([f"^{script}", "{a}"], 2, parameters=grid(a=[5, 6]), on_clear="skip")["counts"]["ok"] == 2
        assert runs(tmp_path) == []

    def test_skip_runs_no_row_of_a_failed_job_either(
        self, submit: Execute, script: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: Any
    ) -> None:
        caplog.set_level(logging.INFO)
        (tmp_path / "bad").write_text("2")
        with pytest.raises(SweepFailed):
            submit([f"^{script}", "{a}"], parameters=grid(a=[1, 2]), on_clear="skip")
        assert runs(tmp_path) == ["1", "2"]
        (tmp_path / "bad").write_text("")
        for attempt in (2, 3):
            with pytest.raises(SweepFailed):
                submit([f"^{script}", "{a}"], attempt, parameters=grid(a=[1, 2]), on_clear="skip")
        assert runs(tmp_path) == []
        assert "failed rows do not run again, because of on_clear='skip'" in "".join([*capfd.readouterr(), caplog.text])
        # And another value runs them
        assert submit([f"^{script}", "{a}"], 4, parameters=grid(a=[1, 2]), on_clear="auto")["counts"]["ok"] == 2
        assert runs(tmp_path) == ["2"]

    def test_an_unknown_rule_is_refused(self, submit: Execute) -> None:
        submit(["/bin/true"])
        with pytest.raises(BadSweep, match="use one of auto, failed_rows"):
            submit(["/bin/true"], 2, on_clear="everything")


class TestRetry:
    """A retry by Airflow after a try in which rows failed."""

    COMMAND = (
        "echo {a} >> $0/runs; test {a} != 2 || exit 3\n"
        "test {a} != 3 -o -e $0/big || { touch $0/big; exec python3 -c 'bytearray(200 << 20).find(1); input()'; }"
    )

    def sweep(self, run: Run, folder: Path, attempt: int, rows: str, *, cleared: bool = False, **fields: Any) -> Any:
        """Row 2 fails by exit code 3. Row 3 runs out of memory at first, which is not the fault of the program."""
        command = ["/bin/sh", "-c", self.COMMAND.replace("{ touch", "\\{ touch").replace("; }", "; \\}"), str(folder)]
        operator = KubequeSubmitOperator(
            task_id="submit", command=command, parameters=grid(a=list(rows)), wait=True, poke_interval=0.1,
            memory="100Mi", retry_causes={"oom": 0}, **fields,
        )  # fmt: skip
        return run.execute(operator, attempt, cleared=cleared)

    def test_rows_that_failed_by_their_own_fault_run_again_after_a_clear_only(
        self, run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        with pytest.raises(RowsFailed, match="Airflow does not retry, because"):
            self.sweep(run, tmp_path, 1, "12")
        assert issubclass(RowsFailed, AirflowFailException)
        assert runs(tmp_path) == ["1", "2"]
        with pytest.raises(RowsFailed):
            self.sweep(run, tmp_path, 2, "12")
        assert runs(tmp_path) == []
        assert "this retry by Airflow runs no row again, because 1 rows" in "".join([*capfd.readouterr(), caplog.text])
        with pytest.raises(RowsFailed):
            self.sweep(run, tmp_path, 3, "12", cleared=True)
        assert runs(tmp_path) == ["2"]

    def test_of_both_kinds_only_rows_that_the_machine_failed_run_again(
        self, run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        with pytest.raises(SweepFailed) as error:
            self.sweep(run, tmp_path, 1, "123")
        assert not isinstance(error.value, AirflowFailException)
        assert runs(tmp_path) == ["1", "2", "3"]
        with pytest.raises(RowsFailed):
            self.sweep(run, tmp_path, 2, "123")
        assert runs(tmp_path) == ["3"]
        said = "".join([*capfd.readouterr(), caplog.text])
        assert (
            "this retry by Airflow runs 1 rows again that the machine stopped; 1 rows failed for a permanent cause"
            in said
        )

    def test_retry_failed_rows_runs_them_too(self, run: Run, tmp_path: Path) -> None:
        for attempt, ran in ((1, ["1", "2"]), (2, ["2"])):
            with pytest.raises(SweepFailed) as error:
                self.sweep(run, tmp_path, attempt, "12", retry_failed_rows=True)
            assert not isinstance(error.value, AirflowFailException)
            assert runs(tmp_path) == ran

    def test_a_sensor_keeps_to_the_same_rule_and_never_skips_a_failure(
        self, run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        with pytest.raises(RowsFailed):
            self.sweep(run, tmp_path, 1, "12")
        runs(tmp_path)
        job_id = run.xcoms["submit", "job_id"]

        def wait(attempt: int, *, cleared: bool = False, **fields: Any) -> None:
            sensor = KubequeJobSensor(task_id="wait", job_id=job_id, poke_interval=0.1, **fields)
            with pytest.raises(SweepFailed):
                run.execute(sensor, attempt, cleared=cleared)

        wait(1, soft_fail=True)
        wait(2, soft_fail=True)
        assert runs(tmp_path) == []
        capfd.readouterr()
        wait(3, cleared=True)
        assert runs(tmp_path) == ["2"]
        assert "clear the Airflow task 'submit' instead" in "".join([*capfd.readouterr(), caplog.text])
        wait(4, retry_failed_rows=True)
        assert runs(tmp_path) == ["2"]


@pytest.mark.parametrize(
    ("number", "first", "token", "fresh"),
    [
        (1, 1, "", True),
        (2, 1, "d/r/t/-1#1", False),
        (2, 1, "", False),
        (2, 2, "d/r/t/-1#1", True),
        (3, 2, "d/r/t/-1#2", False),
        # Try 2 followed a clear, and was lost before it did anything.
        (3, 2, "d/r/t/-1#1", True),
        # It submitted again, which takes the token away, and was lost then.
        (3, 2, "", False),
        # A person runs the same try once more.
        (2, 1, "d/r/t/-1#2", True),
        (3, 2, "d/r/other/-1#1", False),
    ],
)
def test_a_try_knows_whether_it_follows_a_clear(number: int, first: int, token: str, fresh: bool) -> None:
    assert Try("d/r/t/-1", number, first).is_fresh(token) is fresh


@pytest.mark.parametrize(
    ("job", "counts", "causes", "only_own"),
    [
        ({}, {"ok": 1, "failed": 2}, {"ok": 1, "exit": 1, "timeout": 1}, True),
        ({}, {"ok": 1, "failed": 2}, {"ok": 1, "signal": 1, "lost": 1}, False),
        ({}, {"failed": 1}, {"store": 1}, False),
        # Rows that did not run may run in a retry, unless the others show that they would fail.
        ({"state": JobState.KILLED}, {"failed": 1, "killed": 1}, {"exit": 1}, False),
        ({"state": JobState.STOPPED}, {"failed": 1, "killed": 1}, {"exit": 1}, True),
        ({"state": JobState.STOPPED}, {"ok": 1, "failed": 1, "killed": 1}, {"ok": 1, "exit": 1}, False),
        ({"state": JobState.STOPPED, "max_failures": 1}, {"ok": 1, "failed": 1, "killed": 1}, {"exit": 1}, True),
        ({"state": JobState.STOPPED}, {"killed": 3}, {}, False),
    ],
)
def test_the_faults_of_a_sweep_decide_about_a_retry(job: Any, counts: Any, causes: Any, only_own: bool) -> None:
    found = find_faults(Job("j", "u", 3, "/j", **job), Counts(**counts), causes)
    assert found.only_own is only_own


def test_the_next_run_skips_what_earlier_ones_have_done(
    script: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    # Given a run of yesterday
    def submit(run_id: str, values: str, **fields: Any) -> dict[str, Any]:
        operator = KubequeSubmitOperator(
            task_id="submit", command=[f"^{script}", "{a}"], parameters=[{"a": value} for value in values],
            wait=True, poke_interval=0.1, **{"skip_done": True, **fields},
        )  # fmt: skip
        pointer: dict[str, Any] = Run(run_id).execute(operator)
        return pointer

    submit("monday", "ab")
    assert runs(tmp_path) == ["a", "b"]

    # When today brings one more row
    caplog.set_level(logging.INFO)
    caplog.clear()
    capfd.readouterr()
    pointer = submit("tuesday", "cba")

    # Then only that runs, all count, and the log says so (Airflow 3 writes it to the streams, Airflow 2 by logging)
    assert runs(tmp_path) == ["c"]
    assert pointer["counts"]["ok"] == 3
    assert "3 rows, 2 of them linked to earlier jobs of the series" in "".join([*capfd.readouterr(), caplog.text])

    # And in another series, or without skip_done, all run
    submit("wednesday", "a", series="mine")
    submit("thursday", "a", skip_done=False)
    assert runs(tmp_path) == ["a", "a"]
