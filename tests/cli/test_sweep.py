"""Sweeps from the command line, end to end on this machine."""

from __future__ import annotations

import csv
import json
import os
import signal
import time

import pytest

from tests.cli.conftest import Shell


def test_a_single_run_is_submitted_watched_and_fetched(shell: Shell) -> None:
    ran = shell.run("sub", "-n", "sample-job", "python3", "^mandelbrot.py", "0", "0", "0.5")
    assert (ran.returncode, "sample-job: success" in ran.stdout) == (0, True), ran.stdout + ran.stderr

    fetched = shell.run("fetch", "sample-job", "results-from-job")
    assert fetched.returncode == 0, fetched.stderr
    there = {path.name for path in (shell.folder / "results-from-job" / "0").iterdir()}
    assert there == {"mandelbrot.png", "stdout.txt"}


def test_a_sweep_over_a_table_ends_with_a_table_of_results(shell: Shell) -> None:
    ran = shell.run(
        "sub", "--fetch", "results", "--params", "params.csv",
        "python3", "^mandelbrot.py", "{x_scale}", "{y_scale}", "{zoom}",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr

    rows = list(csv.DictReader((shell.folder / "results" / "results.csv").read_text().splitlines()))
    assert [row["index"] for row in rows] == list("0123456")
    assert [row["zoom"] for row in rows] == ["0.25", "0.5", "1", "2", "5", "10", "20"]
    assert {(row["state"], row["exit_code"]) for row in rows} == {("ok", "0")}
    assert all(float(row["out.mean_iterations"]) > 0 for row in rows)
    assert all((shell.folder / "results" / str(index) / "mandelbrot.png").stat().st_size > 100 for index in range(7))

    # The pictures in one folder, named by a parameter; then the empty streams, as earlier versions fetched them.
    words = ("fetch", "@", "pictures", "--flat", "zoom-{zoom}-{name}")
    assert [shell.run(*words).returncode for _ in range(2)] == [0, 0]
    pictures = {f"zoom-{row['zoom']}-mandelbrot.png" for row in rows}
    assert {path.name for path in (shell.folder / "pictures").iterdir()} == pictures | {".kubeque", "results.csv"}
    refused = shell.run("fetch", "@", "pictures", "--layout", "{zoom}")
    assert (refused.returncode, "add --flat 'zoom-{zoom}-{name}', or choose" in refused.stderr) == (2, True)
    assert shell.run("fetch", "@", "results", "--all").returncode == 0
    assert (shell.folder / "results" / "6" / "stderr.txt").read_bytes() == b""


def test_an_executable_script_may_be_the_first_word_and_keeps_its_own_options(shell: Shell) -> None:
    ran = shell.run("sub", "-n", "first", "^render.py", "-c", "^colors.txt", "0", "0", "1.0")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_failed_tasks_make_exit_code_1_and_are_named(shell: Shell) -> None:
    shell.write("rows.csv", "n\n0\n3\n")
    ran = shell.run(
        "sub", "-n", "bad", "-p", "rows.csv", "python3", "-c", "import sys; sys.exit(int(sys.argv[1]))", "{n}"
    )
    assert ran.returncode == 1
    assert "1 x exit code 3 (row 1 n=3)" in ran.stdout

    tasks = [json.loads(line) for line in shell.run("status", "bad", "--tasks", "--json").stdout.splitlines()]
    assert [(t["index"], t["n"], t["state"], t["exit_code"]) for t in tasks] == [
        (0, "0", "ok", 0),
        (1, "3", "failed", 3),
    ]


HOSTILE = [
    "a b",
    'q"q',
    "it's",
    "x; rm -rf .",
    "$(touch evil)",
    "{zoom}",
    "^params.csv",
    "a,b",
    "line\nbreak",
    "-c",
    "*",
]


def test_values_pass_through_untouched_as_one_argument(shell: Shell) -> None:
    with (shell.folder / "hostile.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["value"], *([value] for value in HOSTILE)])
    program = (
        "import sys, json, os; out = open(os.environ['KUBEQUE_OUT'], 'w');"
        " json.dump(dict(seen=sys.argv[1], n=len(sys.argv)), out)"
    )
    ran = shell.run(
        "sub",
        "-n",
        "hostile",
        "-p",
        "hostile.csv",
        "python3",
        "-c",
        program,
        "{value}",
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    tasks = [json.loads(line) for line in shell.run("status", "hostile", "--tasks", "--json").stdout.splitlines()]
    assert [task["out.seen"] for task in tasks] == HOSTILE
    assert not (shell.folder / "evil").exists()


def test_a_name_taken_by_another_sweep_is_refused_with_the_ways_out(shell: Shell) -> None:
    assert shell.run("sub", "-n", "twice", "true").returncode == 0
    assert shell.run("sub", "-n", "twice", "true").returncode == 0
    refused = shell.run("sub", "-n", "twice", "echo", "other")
    assert refused.returncode == 2
    assert all(word in refused.stderr for word in ("--revise", "--replace", "-n"))
    assert shell.run("sub", "-n", "twice", "--replace", "echo", "other").returncode == 0


def test_a_killed_consumer_loses_nothing_and_nothing_is_there_twice(shell: Shell) -> None:
    shell.write("rows.csv", "n\n" + "".join(f"{n}\n" for n in range(200)))
    shell.run(
        "sub", "-n", "many", "--no-wait", "-p", "rows.csv", "python3", "-c", "import time; time.sleep(0.02)", "{n}"
    )
    time.sleep(1.5)
    slot = json.loads((shell.home / "fleet" / "0.slot").read_text())
    os.kill(slot["pid"], signal.SIGKILL)

    watched = shell.run("watch", "many", "--json")
    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert json.loads(watched.stdout)["counts"]["ok"] == 200
    indexes = [
        json.loads(line)["index"] for line in shell.run("status", "many", "--tasks", "--json").stdout.splitlines()
    ]
    assert indexes == list(range(200))


def test_a_killed_consumer_s_command_is_gone_before_its_task_runs_again(shell: Shell) -> None:
    # Given a task that first runs for a minute, and the second time records the state of its first process
    shell.write(
        "once.sh",
        'echo $$ >> "$1"\nif [ $(wc -l < "$1") -gt 1 ]; then\n'
        '  cut -d" " -f3 "/proc/$(head -1 "$1")/stat" > "$1.first" 2>/dev/null; exit 0\nfi\nsleep 60\n',
    )
    pids = shell.folder / "pids"
    shell.run("sub", "-n", "alone", "--no-wait", "sh", "^once.sh", str(pids))
    end = time.monotonic() + 30
    while "command" not in (slot := json.loads((shell.home / "fleet" / "0.slot").read_text() or "{}")):
        assert time.monotonic() < end
        time.sleep(0.05)
    # When its consumer is killed
    os.kill(slot["pid"], signal.SIGKILL)
    watched = shell.run("watch", "alone")
    # Then it runs again, and nothing of the first run is left beside it
    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert len(pids.read_text().split()) == 2
    assert pids.with_suffix(".first").read_text().strip() in ("", "Z")


def test_two_may_watch_one_job(shell: Shell) -> None:
    shell.run("sub", "-n", "seen", "--no-wait", "sleep", "1")
    first, second = shell.start("watch", "seen"), shell.start("watch", "seen")
    assert (first.wait(30), second.wait(30)) == (0, 0)
    for watcher in (first, second):
        watcher.communicate()


def test_a_kill_ends_what_runs_and_a_reset_lets_it_run_again(shell: Shell) -> None:
    shell.write("rows.csv", "n\n" + "".join(f"{n}\n" for n in range(6)))
    go = shell.folder / "go"
    shell.run("sub", "-n", "long", "--no-wait", "-p", "rows.csv", "sh", "-c", f"test -e {go} || sleep 60", "{n}")
    time.sleep(1)
    assert "killed" in shell.run("kill", "long").stdout
    assert shell.run("watch", "long").returncode == 1
    go.touch()
    shell.run("reset", "long")
    assert shell.run("watch", "long").returncode == 0


def test_ctrl_c_stops_watching_and_not_the_job(shell: Shell) -> None:
    go = shell.folder / "go"
    running = shell.start("sub", "-n", "on", "sh", "-c", 'until test -e "$0"; do sleep 0.1; done', str(go))
    assert running.stdout is not None
    assert running.stdout.readline() == "on: 1 task submitted\n"
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=80)
    assert (running.returncode, "on continues" in said) == (130, True), said
    go.touch()
    assert shell.run("watch", "on").returncode == 0


BAD = {
    "missing": (None, ["cat", "{n}"], "rows.csv"),
    "empty": (b"", ["cat"], "empty"),
    "header only": (b"n\n", ["cat"], "rows.csv"),
    "ragged": (b"a,b\n1,2\n3\n", ["cat"], "line 3"),
    "duplicate header": (b"a,a\n1,2\n", ["cat"], "a"),
    "blank header": (b"a,\n1,2\n", ["cat"], "rows.csv"),
    "not UTF-8": (b"a\n\xff\n", ["cat"], "UTF-8"),
    "unknown column": (b"a\n1\n", ["cat", "{b}"], "the columns are a"),
    "unbalanced brace": (b"a\n1\n", ["cat", "{a"], "\\{"),
    "missing file": (b"a\n1\n", ["cat", "^nowhere.py"], "nowhere.py"),
    "too long": (b"a\n" + b"x" * 130_000 + b"\n", ["cat"], "120 KiB"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_clear_line_and_nothing_is_submitted(shell: Shell, what: str) -> None:
    content, command, named = BAD[what]
    if content is not None:
        shell.write("rows.csv", content)
    ran = shell.run("sub", "-n", "bad", "--params", "rows.csv", *command)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert named in ran.stderr
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert "bad" not in shell.run("status").stdout


def test_unknown_jobs_and_bad_quantities_are_named(shell: Shell) -> None:
    unknown = shell.run("watch", "nobody")
    assert (unknown.returncode, "nobody" in unknown.stderr) == (2, True)
    bad = shell.run("sub", "--memory", "lots", "true")
    assert (bad.returncode, "lots" in bad.stderr) == (2, True)
    assert shell.run("sub").returncode == 2


def test_what_reaches_out_of_its_folder_stays_away(shell: Shell) -> None:
    script = "touch ../../outside; ln -s /etc/passwd link; echo kept > kept.txt"
    assert shell.run("sub", "-n", "rogue", "--fetch", "out", "sh", "-c", script).returncode == 0
    assert {path.name for path in (shell.folder / "out" / "0").iterdir()} == {"kept.txt"}


def test_a_fetch_is_resumed_and_a_foreign_folder_is_refused(shell: Shell) -> None:
    shell.run("sub", "-n", "f", "--fetch", "dest", "true")
    again = shell.run("fetch", "f", "dest")
    assert "0 tasks" in again.stdout
    (shell.folder / "foreign").mkdir()
    shell.write("foreign/mine.txt", "mine")
    refused = shell.run("fetch", "f", "foreign")
    assert (refused.returncode, "--force" in refused.stderr) == (2, True)
    assert shell.run("fetch", "--force", "f", "foreign").returncode == 0
    assert (shell.folder / "foreign" / "mine.txt").read_text() == "mine"


def test_memory_beyond_the_limit_is_oom_and_tried_with_more(shell: Shell) -> None:
    eat = "x = bytearray(150 << 20); import time; time.sleep(0.5)"
    ran = shell.run("sub", "-n", "eater", "--memory", "100Mi", "python3", "-c", eat)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    task = json.loads(shell.run("status", "eater", "--tasks", "--json").stdout)
    assert (task["state"], task["attempts"]) == ("ok", 2)


def test_a_timeout_is_told_apart(shell: Shell) -> None:
    ran = shell.run("sub", "-n", "slow", "--task-timeout", "0.5s", "sleep", "30")
    assert (ran.returncode, "timeout" in ran.stdout) == (1, True)
