"""Ways to submit a sweep: jobspecs, grids, repetitions, `--like` and dry runs."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

SAY = "import os, json, sys; json.dump(dict(zip('abc', sys.argv[1:])), open(os.environ['KUBEQUE_OUT'], 'w'))"


def tasks(shell: Shell, job: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in shell.run("status", job, "--tasks", "--json").stdout.splitlines()]


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_grid_runs_every_combination(shell: Shell) -> None:
    ran = shell.run(
        "sub", "-n", "g", "--grid", "lr=0.1,0.01", "--grid", "seed=1..2", "--", "python3", "-c", SAY, "{lr}", "{seed}"
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [(t["lr"], t["seed"], t["out.a"], t["out.b"]) for t in tasks(shell, "g")] == [
        ("0.1", "1", "0.1", "1"),
        ("0.1", "2", "0.1", "2"),
        ("0.01", "1", "0.01", "1"),
        ("0.01", "2", "0.01", "2"),
    ]


def test_repeat_counts_by_index(shell: Shell) -> None:
    ran = shell.run("sub", "-n", "r", "--repeat", "4", "python3", "-c", SAY, "{index}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [t["out.a"] for t in tasks(shell, "r")] == ["0", "1", "2", "3"]


def test_two_sayings_of_the_rows_exclude_each_other(shell: Shell) -> None:
    ran = shell.run("sub", "--each", "*", "--grid", "a=1", "true")
    assert (ran.returncode, "--grid and --each exclude" in ran.stderr) == (2, True)


def test_a_jobspec_is_a_sweep_whose_paths_start_at_its_folder(shell: Shell) -> None:
    # Given a jobspec in a folder with its program, rows and data
    there = shell.folder / "study"
    (there / "data").mkdir(parents=True)
    (there / "data" / "unit.txt").write_text("mm")
    (there / "rows.csv").write_text("n\n1\n2\n")
    (there / "run.py").write_text(
        "import json, os, sys\n"
        "json.dump({'n': sys.argv[1], 'unit': open('data/unit.txt').read(), 'mode': os.environ['MODE'],"
        " 'more': os.path.exists('extra.txt')}, open(os.environ['KUBEQUE_OUT'], 'w'))\n"
    )
    (there / "job.json").write_text(
        json.dumps(
            {
                "version": 1,
                "name": "study",
                "command": ["python3", "^run.py", "{n}"],
                "parameters": "rows.csv",
                "push": ["data"],
                "env": {"MODE": "slow", "OTHER": "1"},
                "fetch": "results",
            }
        )
    )

    # When it is submitted from a different folder
    ran = shell.run("sub", "-f", "study/job.json")

    # Then everything was found, and the results are beside it
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [(t["out.n"], t["out.unit"], t["out.mode"]) for t in tasks(shell, "study")] == [
        ("1", "mm", "slow"),
        ("2", "mm", "slow"),
    ]
    assert (there / "results" / "results.csv").exists()

    # And options go before it, with paths that start here
    shell.write("more.csv", "n\n7\n")
    shell.write("extra.txt", "x")
    ran = shell.run(
        "sub", "-f", "study/job.json", "-n", "other", "-p", "more.csv", "--env", "MODE=fast", "-u", "study/data",
        "-u", "extra.txt", "--fetch", "out",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [(t["out.n"], t["out.mode"], t["out.more"]) for t in tasks(shell, "other")] == [("7", "fast", True)]
    assert (shell.folder / "out" / "results.csv").exists()

    # And a different command uses files from the current folder
    shell.write("here.sh", 'cat data/unit.txt; test "$1" = 1 || test "$1" = 2')
    ran = shell.run("sub", "-f", "study/job.json", "-n", "third", "--fetch", "third", "sh", "^here.sh", "{n}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (shell.folder / "third" / "0" / "stdout.txt").read_text() == "mm"


def test_a_jobspec_of_nonsense_is_one_line_and_nothing_is_submitted(shell: Shell) -> None:
    huge = shell.folder / "huge.json"
    with huge.open("wb") as file:
        file.truncate(100 << 20)
    shell.write("near.json", '{"command": ["true"], "retrys": {"lost": 1}}')
    for name, says in {
        "huge.json": "larger than 8 MiB",
        "near.json": "did you mean 'retry_causes'",
        "none.json": "No such file",
    }.items():
        ran = shell.run("sub", "-f", name, timeout=80)
        assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1), ran.stderr
        assert name in ran.stderr
        assert says in ran.stderr
    assert "no jobs yet" in shell.run("status").stdout


def test_a_dry_run_prints_a_jobspec_and_a_plan_and_writes_nothing(shell: Shell) -> None:
    # Given a store that has one of two files already
    words = ["-u", "params.csv", "--grid", "x=1..5", "--memory", "1Gi", "--", "python3", "^mandelbrot.py", "{x}", "a b"]
    shell.run("sub", "-n", "before", "-u", "params.csv", "true")
    before = tree(shell.home / "results"), tree(shell.home / "cas"), shell.run("status", "--json").stdout

    # When a dry run is requested
    ran = shell.run("sub", "-n", "plan", "--dry-run", *words)

    # Then stdout has the jobspec only, and stderr has the plan
    assert ran.returncode == 0, ran.stderr
    assert "5 tasks for" in ran.stderr
    assert "2 input files (" in ran.stderr
    assert "1 of them stored already" in ran.stderr
    assert "0: python3 mandelbrot.py 1 'a b'" in ran.stderr
    assert "2: python3 mandelbrot.py 3 'a b'" in ran.stderr
    assert "3: " not in ran.stderr
    assert "nothing was submitted" in ran.stderr
    assert json.loads(ran.stdout)["grid"] == {"x": ["1", "2", "3", "4", "5"]}
    found = json.loads(shell.run("sub", "-n", "plan", "--dry-run", "--json", *words).stdout)
    assert found["jobspec"] == json.loads(ran.stdout)
    assert found["plan"]["there"] == 1
    assert found["plan"]["tasks"] == 5
    assert found["plan"]["name"] == "new"
    assert found["plan"]["bytes_to_send"] == (shell.folder / "mandelbrot.py").stat().st_size

    # And neither queue nor store has changed
    after = tree(shell.home / "results"), tree(shell.home / "cas"), shell.run("status", "--json").stdout
    assert after == before

    # And the jobspec describes the same sweep wherever it is stored
    (shell.folder / "kept").mkdir()
    shell.write("kept/job.json", ran.stdout)
    again = json.loads(shell.run("sub", "--dry-run", "--json", "-f", "kept/job.json").stdout)
    assert again["plan"] == found["plan"]


def test_a_job_like_another_has_its_command_and_inputs_as_they_were(shell: Shell) -> None:
    # Given a job whose program has changed since
    shell.write("run.py", "import sys; print('old', *sys.argv[1:], open('note.txt').read())")
    shell.write("note.txt", "n1")
    shell.write("rows.csv", "n\n1\n")
    first = ("--env", "A=1", "--retry-causes", "exit=2", "-u", "note.txt", "python3", "^run.py", "{n}")
    assert shell.run("sub", "-n", "first", "-p", "rows.csv", *first).returncode == 0
    shell.write("run.py", "import sys; print('new', *sys.argv[1:], open('note.txt').read())")
    shell.write("note.txt", "n2")

    # When more rows are submitted
    shell.write("more.csv", "n\n5\n6\n")
    ran = shell.run("sub", "-n", "more", "--like", "first", "-p", "more.csv", "--fetch", "more")

    # Then they ran the program of the job
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [(shell.folder / "more" / str(i) / "stdout.txt").read_text() for i in (0, 1)] == ["old 5 n1\n", "old 6 n1\n"]

    # And options override those of the job: an input of the same name, the command. Rows are kept unless given
    assert shell.run("sub", "-n", "push", "--like", "first", "-u", "note.txt", "--fetch", "push").returncode == 0
    assert (shell.folder / "push" / "0" / "stdout.txt").read_text() == "old 1 n2\n"
    ran = shell.run("sub", "-n", "cmd", "--like", "first", "--fetch", "cmd", "--", "python3", "^run.py", "x{n}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (shell.folder / "cmd" / "0" / "stdout.txt").read_text() == "new x1 n1\n"

    # And an error names a missing job
    ran = shell.run("sub", "--like", "nobody", "-p", "more.csv")
    assert (ran.returncode, "nobody" in ran.stderr) == (2, True)


HOSTILE = [
    "a b",
    'q"q',
    "it's, yes",
    "line\nbreak",
    "cr\rhere",
    "crlf\r\n",
    "",
    " lead",
    "{n}",
    "ünï☃",
    "\ufeffbom",
    "=1+1",
    "007",
]


def test_the_rows_of_failed_tasks_can_be_swept_over_again_byte_for_byte(shell: Shell) -> None:
    # Given a sweep over hostile values, with Python's own names. Every second row fails
    rows = [[value, str(index)] for index, value in enumerate(HOSTILE)]
    with (shell.folder / "in.csv").open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["class", "from"], *rows])
    check = "import sys; sys.exit(int(sys.argv[2]) % 2)"
    ran = shell.run("sub", "-n", "odd", "-p", "in.csv", "python3", "-c", check, "{class}", "{from}")
    assert ran.returncode == 1, ran.stdout + ran.stderr

    # When the failed rows are printed
    with (shell.folder / "again.csv").open("wb") as file:
        words = [sys.executable, "-m", "kubeque.cli", "params", "odd", "--state", "failed"]
        subprocess.run(words, cwd=shell.folder, env=shell.env | {"LC_ALL": "C"}, stdout=file, check=True, timeout=60)

    # Then they can be submitted as they were
    assert shell.run("sub", "-n", "again", "-p", "again.csv", "python3", "-c", SAY, "{class}").returncode == 0
    assert [t["out.a"] for t in tasks(shell, "again")] == HOSTILE[1::2]


def test_rows_without_columns_are_no_csv(shell: Shell) -> None:
    shell.run("sub", "-n", "rep", "--repeat", "2", "true")
    ran = shell.run("params", "rep")
    assert (ran.returncode, "kubeque reset rep" in ran.stderr) == (2, True)


def test_two_hundred_columns_are_no_trouble(shell: Shell) -> None:
    columns = [f"column {n}" for n in range(200)]
    with (shell.folder / "wide.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, [str(n) for n in range(200)]])
    ran = shell.run(
        "sub", "-n", "wide", "-p", "wide.csv", "python3", "-c", SAY, *(f"{{{column}}}" for column in columns)
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (task,) = tasks(shell, "wide")
    assert (task["column 199"], task["out.c"]) == ("199", "2")
    assert shell.run("params", "wide").stdout.splitlines()[0].split(",") == columns


@pytest.mark.parametrize("words", [["--repeat", "0"], ["--repeat", "-3"], ["--grid", "a"], ["--grid", "index=1"]])
def test_bad_rows_are_named(shell: Shell, words: list[str]) -> None:
    ran = shell.run("sub", *words, "true")
    assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1), ran.stderr
