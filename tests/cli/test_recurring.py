"""Recurring sweeps from the command line: a series skips work that is done, and unused data is removed."""

from __future__ import annotations

from tests.cli.conftest import Shell

PROGRAM = "import sys; open('out.txt', 'w').write(sys.argv[1]); open(sys.argv[2], 'a').write(sys.argv[1])"


def test_a_nightly_sweep_runs_what_is_new_and_brings_all(shell: Shell) -> None:
    # Given a sweep of yesterday
    runs = shell.folder / "runs"
    shell.write("yesterday.csv", "n\na\nb\n")
    shell.write("today.csv", "n\nb\nc\na\n")
    nightly = ("--series", "nightly", "--skip-done", "--results-ttl", "30d")
    command = ("python3", "-c", PROGRAM, "{n}", str(runs))
    ran = shell.run("sub", "-n", "one", *nightly, "-p", "yesterday.csv", *command)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert sorted(runs.read_text()) == ["a", "b"]

    # When today's rows are submitted
    ran = shell.run("sub", "-n", "two", "--fetch", "out", *nightly, "-p", "today.csv", *command)

    # Then only the new one runs, and all are brought
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "two: 3 tasks submitted, 2 of them linked to earlier jobs" in ran.stdout
    assert "3 ok of 3" in ran.stdout
    assert sorted(runs.read_text()) == ["a", "b", "c"]
    assert [(shell.folder / "out" / index / "out.txt").read_text() for index in "012"] == ["b", "c", "a"]

    # And yesterday's job may go: today's still has all of its results
    removed = shell.run("remove", "--yes", "one")
    stays = "the results of 2 tasks stay, because later jobs link to them: two"
    assert (removed.returncode, removed.stderr) == (0, f"one: {stays}\n")
    assert shell.run("fetch", "two", "again").returncode == 0
    assert [(shell.folder / "again" / index / "out.txt").read_text() for index in "012"] == ["b", "c", "a"]
    said = shell.run("gc").stdout.splitlines()
    assert said[:-1] == [stays, "there is nothing to delete now"]  # what is left of it is needed
    assert " uses " in said[-1]
    assert shell.run("gc", "--yes").returncode == 0
    assert shell.run("fetch", "two", "still").returncode == 0


def test_what_is_asked_wrongly_is_named(shell: Shell) -> None:
    lonely = shell.run("sub", "--skip-done", "true")
    assert (lonely.returncode, "--series" in lonely.stderr) == (2, True), lonely.stderr
    long = shell.run("sub", "--results-ttl", "ever", "true")
    assert (long.returncode, "results_ttl 'ever'" in long.stderr) == (2, True), long.stderr
