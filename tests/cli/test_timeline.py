"""`kubeque report`, `timeline` and `collect` as users run them."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shell


@pytest.mark.timeout(300)
def test_a_sweep_becomes_a_page_a_trace_and_a_table(shell: Shell) -> None:
    shell.write("codes.csv", "code\n0\n3\n")
    assert shell.run("sub", "-n", "codes", "-p", "codes.csv", "sh", "-c", "exit $0", "{code}").returncode == 1

    report = shell.run("report", "codes", "-o", "report.html")
    trace = shell.run("timeline", "codes", "--by", "task", "-o", "trace.json")
    table = shell.run("collect", "codes", "-o", "table.csv")
    wrong = shell.run("timeline", "codes", "-o", "sweep.svg")

    assert (report.returncode, report.stdout) == (0, "report.html: open it in a browser\n")
    assert "1 of 2 tasks are ok; 1 failed" in (shell.folder / "report.html").read_text()
    assert (trace.returncode, trace.stdout) == (0, "trace.json: 2 attempts\n")
    assert json.loads((shell.folder / "trace.json").read_text())["traceEvents"]
    assert (table.returncode, table.stdout) == (0, "table.csv: 2 rows, 11 columns\n")
    assert wrong.returncode == 2
    assert wrong.stderr == (
        "kubeque: sweep.svg: a timeline is written as .html, .json, .csv, .png: choose one of these endings\n"
    )
