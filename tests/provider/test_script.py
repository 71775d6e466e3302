"""The log and the page describe the script of a sweep: its files, its DAG bundle, and its changes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.model.rows.grid import grid
from kubeque_provider.airflow_versions import AIRFLOW_2
from kubeque_provider.exceptions import SweepFailed
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.origin.script import describe_rerun, describe_script, digest_of, newest_version, short_version
from kubeque_provider.page.connections import forget_page_connections
from kubeque_provider.page.routes import respond
from tests.calls import count_calls
from tests.provider.conftest import Run
from tests.provider.people import everybody

Execute = Callable[..., Any]
OLD, NEW = "31ae0d9" + 33 * "0", "193b027" + 33 * "0"
IN_BUNDLE = {"bundle": "git", "bundle_version": OLD}


@pytest.mark.parametrize(
    ("before", "origin", "line"),
    [
        (None, {}, ""),
        ({"a.py": "1", "b.py": "2"}, IN_BUNDLE, " of the bundle git at 31ae0d9, unchanged since the previous run"),
        ({"a.py": "0", "c.py": "2"}, {}, ", changed since the previous run: a.py, b.py, c.py"),
        ({"c": "", "d": "", "e": ""}, {}, ", changed since the previous run: a.py, b.py, c and 2 more"),
    ],
)  # fmt: skip
def test_a_submission_names_its_script(before: Any, origin: Any, line: str) -> None:
    files = {"b.py": "2", "a.py": "1"}
    assert describe_script(files, origin, before) == f"script: a.py, b.py ({digest_of(files)}){line}"
    assert describe_script({}, origin, before) == ""


@pytest.mark.parametrize(
    ("now", "origin", "newest", "line"),
    [
        ({"a.py": "2"}, IN_BUNDLE, NEW, "16 rows run again with the present script; changed files: a.py"),
        ({"a.py": "1"}, {}, "", "16 rows run again with the unchanged script (DIGEST)"),
        ({"a.py": "1"}, IN_BUNDLE, OLD, "16 rows run again with the unchanged script (bundle 31ae0d9, the newest)"),
        (
            {"a.py": "1"}, IN_BUNDLE, NEW,
            "16 rows run again with the unchanged script (bundle 31ae0d9; the newest is 193b027): to run the newest"
            " version, clear the Airflow task with 'Run with latest bundle version'",
        ),
        (
            {"a.py": "1"}, IN_BUNDLE, "",
            "16 rows run again with the unchanged script (bundle 31ae0d9): to run the newest version, clear the"
            " Airflow task with 'Run with latest bundle version'",
        ),
    ],
)  # fmt: skip
def test_a_clear_says_which_script_runs(now: Any, origin: Any, newest: str, line: str) -> None:
    assert describe_rerun(16, now, {"a.py": "1"}, origin, newest) == line.replace("DIGEST", digest_of(now))


def test_a_version_that_is_no_hash_is_whole() -> None:
    assert short_version("v1.2\x1b[2J") == "v1.2\ufffd[2J"
    assert short_version(OLD) == "31ae0d9"


@pytest.mark.skipif(AIRFLOW_2, reason="Airflow 2 has no bundles")
def test_the_newest_version_is_that_of_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.provider.versioned_bundle import VersionedFolder

    path = f"{VersionedFolder.__module__}.{VersionedFolder.__qualname__}"
    bundles = [{"name": "git", "classpath": path, "kwargs": {"path": str(tmp_path)}}]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    (tmp_path / "VERSION").write_text(NEW)
    assert newest_version("git") == NEW
    # If a bundle cannot be read or is no longer configured, only this part of the message is missing.
    (tmp_path / "VERSION").unlink()
    assert newest_version("git") == newest_version("other") == newest_version("") == ""


def test_the_log_and_the_page_compare_with_the_run_before(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    script = tmp_path / "run.py"

    def submit(run: Run, attempt: int = 1) -> str:
        operator = KubequeSubmitOperator(
            task_id="submit", command=["/bin/sh", f"^{script}"], wait=True, poke_interval=0.1
        )
        context = run.context("submit", attempt)
        context["ti"].bundle_instance = SimpleNamespace(name="git", version=OLD)
        caplog.clear()
        capfd.readouterr()
        operator.render_template_fields(context)
        with suppress(SweepFailed):
            operator.execute(context)
        return "".join([*capfd.readouterr(), caplog.text])

    def page(run: Run) -> str:
        forget_page_connections()
        query = {"job": run.xcoms["submit", "job_id"]}
        found: str = json.loads(respond("data/script", query, everybody).body)["script"]
        return found

    # Given a run whose script fails, and a clear that runs it again
    script.write_text("exit 1\n")
    monday = Run("monday")
    assert "of the bundle git at 31ae0d9" in submit(monday)
    assert "1 row runs again with the unchanged script (bundle 31ae0d9): to run the newest version, clear" in submit(
        monday, 2
    )
    assert page(monday).endswith("of the bundle git at 31ae0d9, unchanged since the previous run")

    # When it is corrected, then the clear says so, and later runs compare with this one
    script.write_text("exit 0\n")
    assert "1 row runs again with the present script; changed files: run.py" in submit(monday, 3)
    assert page(monday).endswith("changed since the previous run")
    tuesday = Run("tuesday", earlier=monday)
    assert "script: run.py (" in (said := submit(tuesday))
    assert ", unchanged since the previous run" in said
    assert page(tuesday).endswith(", unchanged since the previous run")
    forget_page_connections()


def test_a_sensor_that_is_cleared_names_the_task_to_clear(
    submit: Execute, wait: Execute, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pointer = submit(["/bin/false"], wait=False)
    for attempt in (1, 2):
        with pytest.raises(SweepFailed):
            wait(pointer, attempt)
    text = "".join([*capfd.readouterr(), caplog.text])
    assert (
        "run again with the submitted script; to run a corrected script, clear the Airflow task 'submit' instead"
        in text
    )
    with Client() as client:
        assert client.job(pointer["job_id"]).revision == 1


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize(
    ("on_clear", "kept"), [("auto", 2), ("failed_rows", 2), ("changed", {True: 0, False: 2}), ("all", 0)]
)
def test_a_clear_logs_how_many_rows_run_again(
    submit: Execute, tmp_path: Path, capfd: Any, caplog: Any, on_clear: str, kept: Any, corrected: bool
) -> None:
    caplog.set_level(logging.INFO)
    script, runs = tmp_path / "run.sh", tmp_path / "runs"
    script.write_text(f"echo >> {runs}; test $1 != 3\n")
    for attempt in (1, 2):
        caplog.clear()
        capfd.readouterr()
        runs.write_text("")
        with suppress(SweepFailed):
            submit(["/bin/sh", f"^{script}", "{a}"], attempt, parameters=grid(a=[1, 2, 3]), on_clear=on_clear)
        if corrected:
            script.write_text(f"echo >> {runs}\n")
    stay = kept[corrected] if isinstance(kept, dict) else kept
    again = len(runs.read_text().splitlines())
    text = "".join([*capfd.readouterr(), caplog.text])
    assert again == 3 - stay
    assert (
        f"ended earlier with 3/3 done, 1 failed: {stay} ok rows of revision 1 are kept, {again} rows run again" in text
    )
    script_text = "present" if corrected else "unchanged"
    assert f"{again} {'row runs' if again == 1 else 'rows run'} again with the {script_text} script" in text


def test_a_clear_with_other_rows_does_not_count_what_nobody_asks(
    submit: Execute, capfd: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a job with three rows, of which one failed
    caplog.set_level(logging.INFO)
    command = ["/bin/sh", "-c", "test $1 != 3", "x", "{a}"]
    with suppress(SweepFailed):
        submit(command, parameters=grid(a=[1, 2, 3]))

    # When it is cleared with other rows, which replace the job
    calls = count_calls(lambda: submit(command, 2, parameters=grid(a=[1, 2, 4, 5])), below="submission/effect.py")

    # Then nothing reads all tasks and rows of the job for a question, and the log has the numbers of the new job
    assert calls == 0
    text = "".join([*capfd.readouterr(), caplog.text])
    assert "2 ok rows of revision 1 are kept, 2 rows run again" in text
