"""A corrected script: the rows that run again with the new script, and the message that the command prints before."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys

import pytest

from tests.cli.conftest import Shell

#: Script that fails for odd rows, and the corrected script, which never fails.
BROKEN = "import os, sys\nx = int(sys.argv[1])\nopen('made', 'w').write('old')\nsys.exit(x % 2)\n"
CORRECTED = BROKEN.replace("'old'", "'new'").replace("sys.exit(x % 2)", "sys.exit(0)")
COMMAND = ("--grid", "x=0..3", "python3", "^model.py", "{x}")


@pytest.fixture
def sites(shell: Shell) -> Shell:
    """A shell with a job of four rows. Two rows failed, and the script has been corrected since then."""
    shell.write("model.py", BROKEN)
    assert shell.run("sub", "-n", "sites", *COMMAND).returncode == 1
    shell.write("model.py", CORRECTED)
    return shell


def made(shell: Shell) -> list[str]:
    """Return what each row wrote, in order."""
    assert shell.run("fetch", "sites", "out", "--force").returncode == 0
    return [(shell.folder / "out" / str(index) / "made").read_text() for index in range(4)]


def test_repair_runs_only_the_failed_rows_with_the_new_script(sites: Shell) -> None:
    done = sites.run("sub", "-n", "sites", "--repair", *COMMAND)
    assert "sites: 2 rows that are not ok will run, 2 ok rows will be kept" in done.stderr
    assert done.stdout.startswith("sites: repaired: 2 of 4 tasks run\n")
    # The rate would count tasks that did not run
    assert done.stdout.splitlines()[1].endswith("s (run 1)")
    assert done.returncode == 0
    assert made(sites) == ["old", "new", "old", "new"]


def test_revise_says_why_ok_rows_run_again(sites: Shell) -> None:
    done = sites.run("sub", "-n", "sites", "--revise", *COMMAND)
    assert (
        "2 rows that are not ok will run, 2 ok rows will run again because model.py changed since they ran"
        in done.stderr
    )
    assert made(sites) == ["new"] * 4


def test_a_dry_run_reports_the_effect_and_changes_nothing(sites: Shell) -> None:
    before = sites.run("show", "sites", "--json").stdout
    again = "2 rows that are not ok will run, 2 ok rows will run again"
    for flag, words in (
        ("--repair", "2 rows that are not ok will run, 2 ok rows will be kept"),
        ("--revise", f"{again} because model.py changed since they ran"),
        ("--replace", again),
    ):
        done = sites.run("sub", "-n", "sites", flag, "--dry-run", "--json", *COMMAND)
        effect = json.loads(done.stdout)["plan"]["effect"]
        assert (effect["run"], effect["kept"] + effect["again"]) == (2, 2)
        assert f"sites: {words}\n" in sites.run("sub", "-n", "sites", flag, "--dry-run", *COMMAND).stderr
    assert sites.run("show", "sites", "--json").stdout == before


def test_on_a_terminal_revise_asks_before_ok_rows_run_again(sites: Shell) -> None:
    main, side = pty.openpty()
    command = [sys.executable, "-m", "kubeque.cli", "sub", "-n", "sites", "--revise", *COMMAND]
    running = subprocess.Popen(command, cwd=sites.folder, env=sites.env, stdin=side, stdout=side, stderr=side)
    os.close(side)
    said = b""
    while b"run 2 ok rows again? [y/N]" not in said:
        assert select.select([main], [], [], 60)[0], said
        said += os.read(main, 1000)
    os.write(main, b"n\n")
    assert running.wait(60) == 2
    said += os.read(main, 4000)
    os.close(main)
    assert b"nothing was submitted: --repair runs only the rows that are not ok" in said
    state, step, *_ = sites.run("status", "sites").stdout.splitlines()
    assert "2 failed" in state
    (first,) = [line for line in sites.run("explain", "sites").stdout.splitlines() if line.startswith("next: ")]
    assert step == first
    assert step.endswith(" shows the first failure")


def test_reset_says_that_an_input_changed_and_update_uses_the_new_one(sites: Shell) -> None:
    done = sites.run("reset", "sites")
    assert "model.py has changed: the reset runs the version of " in done.stderr
    assert "`kubeque reset sites --update` runs the new version" in done.stderr
    assert sites.run("watch", "sites").returncode == 1

    done = sites.run("reset", "sites", "--update")
    assert "has changed" not in done.stderr
    assert sites.run("watch", "sites").returncode == 0
    assert made(sites) == ["old", "new", "old", "new"]


@pytest.mark.parametrize("flag", ["--repair", "--revise", "--replace"])
def test_like_says_that_it_runs_the_stored_script(sites: Shell, flag: str) -> None:
    like = ("sub", "--like", "sites", "-n", "sites", flag, "--no-wait")
    planned = sites.run(*like, "--dry-run")
    done = sites.run(*like)
    for said in (planned.stderr, done.stderr):
        assert "model.py has changed here: this runs the version of " in said
        assert "the same command with python3 '^model.py' '{x}' at its end runs the new one" in said
    assert sites.run("watch", "sites").returncode == 1

    # Later commands still know the file
    assert "model.py has changed: the reset runs the version of " in sites.run("reset", "sites", "--dry-run").stderr
    done = sites.run(*like[:-1], "python3", "^model.py", "{x}")
    assert ("has changed" in done.stderr, done.returncode) == (False, 0)
    assert "has changed" not in sites.run("sub", "--like", "sites", "-n", "sites", flag, "--no-wait").stderr


def test_like_under_another_name_says_that_it_runs_the_stored_script(sites: Shell) -> None:
    done = sites.run("sub", "--like", "sites", "-n", "other", "--no-wait")
    assert "model.py has changed here: this runs the version of " in done.stderr
    done = sites.run("sub", "--like", "sites", "-n", "third", "--no-wait", "-u", "model.py")
    assert ("has changed" in done.stderr, done.returncode) == (False, 0)


def test_update_from_another_folder_takes_the_files_of_the_first(sites: Shell) -> None:
    (sites.folder / "inner").mkdir()
    inner = Shell(sites.folder / "inner", sites.home)
    assert inner.run("reset", "sites", "--update").returncode == 0
    assert inner.run("watch", "sites").returncode == 0


def test_update_names_a_file_that_is_gone(sites: Shell) -> None:
    (sites.folder / "model.py").unlink()
    assert "has changed" not in sites.run("reset", "sites").stderr
    done = sites.run("reset", "sites", "--update")
    assert done.returncode == 2
    assert "model.py" in done.stderr


def test_the_three_words_exclude_each_other(shell: Shell) -> None:
    done = shell.run("sub", "--repair", "--revise", "true")
    assert done.returncode == 2
    assert "--repair and --revise exclude each other: give one of them" in done.stderr


def test_a_taken_name_names_the_three_words(sites: Shell) -> None:
    done = sites.run("sub", "-n", "sites", *COMMAND)
    assert done.returncode == 2
    for flag in ("--repair", "--revise", "--replace"):
        assert flag in done.stderr


@pytest.mark.parametrize(
    ("flag", "rows"),
    [("--repair", "only the failed rows"), ("--revise", "only the failed rows"), ("--revise", "no rows")],
)
def test_ok_rows_that_are_not_in_the_new_rows_do_not_leave_the_job_without_consent(
    sites: Shell, flag: str, rows: str
) -> None:
    # Given only the failed rows, or none, for a job that has ok rows too
    sites.write("again.csv", sites.run("params", "sites", "--state", "failed").stdout)
    before = sites.run("status", "sites", "--tasks", "--json").stdout
    some = rows == "only the failed rows"
    command = ["-p", "again.csv", *COMMAND[2:]] if some else ["python3", "^model.py", "1"]

    # When the job is changed with them
    refused = sites.run("sub", "-n", "sites", flag, *command)

    # Then nothing happens without --yes
    assert "2 ok rows are not among the new rows and will be removed from the job" in refused.stderr or not some
    assert "nothing was submitted: the new rows of sites do not contain 2 ok rows" in refused.stderr
    assert "kubeque reset sites --update" in refused.stderr
    assert (refused.returncode, sites.run("status", "sites", "--tasks", "--json").stdout) == (2, before)
    assert sites.run("sub", "-n", "sites", flag, "--yes", *command, "--no-wait").returncode == 0
    assert len(sites.run("status", "sites", "--tasks", "--json").stdout.splitlines()) == (2 if some else 1)


def test_a_repair_without_the_rows_of_the_job_is_refused(sites: Shell) -> None:
    before = sites.run("status", "sites", "--tasks", "--json").stdout

    for more in ([], ["--yes"], ["--dry-run"]):
        refused = sites.run("sub", "-n", "sites", "--repair", *more, "python3", "^model.py", "1")
        assert "nothing was submitted: the columns changed from x to no columns" in refused.stderr
        assert "--revise runs all rows that changed" in refused.stderr
        assert (refused.returncode, sites.run("status", "sites", "--tasks", "--json").stdout) == (2, before)


def test_repair_keeps_ok_rows_if_the_rows_and_the_script_change_together(shell: Shell) -> None:
    shell.write("s.py", "import sys\nprint(int(sys.argv[1]))\n")
    shell.write("rows.csv", "a\n1\n2\nx\n4\n")
    words = ("-n", "both", "-p", "rows.csv", "python3", "^s.py", "{a}")
    assert shell.run("sub", *words).returncode == 1
    shell.write("rows.csv", "a\n1\n2\n3\n4\n")
    shell.write("s.py", "import sys\nprint(int(sys.argv[1]))\n#x\n")

    done = shell.run("sub", "--repair", *words)

    assert "both: 1 row that is not ok will run, 3 ok rows will be kept\n" in done.stderr
    assert done.stdout.startswith("both: repaired: 1 of 4 tasks runs\n")
    assert done.returncode == 0
