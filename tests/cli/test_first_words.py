"""The first words of a user of other programs get an answer with the remedy, and nothing happens silently."""

from __future__ import annotations

import json
import shlex

import pytest

from tests.cli.conftest import Shell


@pytest.fixture
def swept(shell: Shell) -> Shell:
    """A job whose rows 1, 2 and 4 of 5 failed."""
    shell.run("sub", "-n", "j", "--grid", "n=0..4", "--shell", "--", "case {n} in 1|2|4) exit 3;; esac")
    return shell


@pytest.mark.parametrize("command", ["reset", "kill", "status"])
def test_a_repeated_index_adds_rows(swept: Shell, command: str) -> None:
    if command == "status":
        done = swept.run("status", "j", "--tasks", "--index", "1", "--index", "3-4", "--json")
        assert [json.loads(line)["index"] for line in done.stdout.splitlines()] == [1, 3, 4]
        return
    done = swept.run(command, "j", "--index", "1", "--index", "4", "--dry-run")
    assert ("2 rows will run again" if command == "reset" else "2 rows had already ended") in done.stdout


def test_fetch_adds_repeated_indexes(swept: Shell) -> None:
    done = swept.run("fetch", "j", "out", "--all", "--index", "0", "--index", "3")

    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (swept.folder / "out").iterdir() if path.name.isdigit()) == ["0", "3"]


@pytest.mark.parametrize(
    ("command", "words", "indexes"),
    [
        ("kill", "3 5 7", "3,5,7"), ("reset", "1", "1"), ("kill", "--index 1 2 7", "1,2,7"),
        ("reset", "--index 1, 2-3, 7", "1,2-3,7"), ("kill", "--index 4 --index 5-6 9", "4,5-6,9"),
    ],
)  # fmt: skip
def test_indexes_as_words_name_the_option_with_all_indexes(
    swept: Shell, command: str, words: str, indexes: str
) -> None:
    done = swept.run(command, "j", *words.split())

    assert done.returncode == 2
    assert done.stderr.endswith(f": did you mean --index {indexes}?\n")


@pytest.mark.parametrize("call", ["range(1,4)", "np.linspace(0,1,11)", "arange(0, 1, 0.1)", "x,range(1,4)"])
def test_a_range_of_python_is_refused_with_the_range_of_a_grid(shell: Shell, call: str) -> None:
    done = shell.run("sub", "--grid", f"depth={call}", "echo", "{depth}")

    assert done.returncode == 2
    assert "is not known: write depth=FIRST..LAST" in done.stderr
    assert json.loads(shell.run("list", "--json").stdout or "[]") == []


def test_values_without_commas_are_refused_and_one_value_with_blanks_is_written_in_quotes(shell: Shell) -> None:
    done = shell.run("sub", "--grid", "lr=0.1 0.01", "echo", "{lr}")

    assert done.returncode == 2
    assert "has blanks and no comma: write lr=0.1,0.01 for 2 values" in done.stderr
    assert """or 'lr="0.1 0.01"' for one value with blanks""" in done.stderr
    assert json.loads(shell.run("list", "--json").stdout or "[]") == []
    one = shell.run("sub", "--dry-run", "--grid", 'lr="0.1 0.01"', "echo", "{lr}")
    assert "0: echo '0.1 0.01'\n" in one.stderr


def test_collect_writes_the_table_to_standard_output(swept: Shell) -> None:
    swept.run("collect", "j", "-o", "table.csv")
    done = swept.run("collect", "j", "-o", "-")

    assert done.returncode == 0, done.stderr
    assert done.stdout == (swept.folder / "table.csv").read_text()
    assert done.stderr == ""


@pytest.mark.parametrize("text", ["0.1:0.5:0.1", "1:10", "1-4", "a..c"])
def test_a_range_of_another_program_gets_a_note(shell: Shell, text: str) -> None:
    done = shell.run("sub", "--dry-run", "--grid", f"lr={text}", "echo", "{lr}")

    assert f"lr has one value, the text '{text}'" in done.stdout + done.stderr


@pytest.mark.parametrize("text", ["1..4", "2026-11-30", "lin(0,1,3)", "a-b", "10:20,11:30"])
def test_other_values_get_none(shell: Shell, text: str) -> None:
    done = shell.run("sub", "--dry-run", "--grid", f"lr={text}", "echo", "{lr}")

    assert done.returncode == 0, done.stderr
    assert "has one value" not in done.stdout + done.stderr


def test_an_option_behind_the_command_gets_a_note(shell: Shell) -> None:
    done = shell.run("sub", "-n", "late", "--repeat", "1", "echo", "--dry-run")

    assert "--dry-run is a word of the command, not an option of kubeque" in done.stdout + done.stderr


def test_a_table_as_first_word_names_the_option(shell: Shell) -> None:
    shell.write("people.csv", "name\nana\n")

    done = shell.run("sub", "people.csv", "echo", "{name}")

    assert done.returncode == 2
    assert "to use the rows of people.csv, write -p people.csv" in done.stderr


def test_a_report_is_not_written_to_a_file_named_dash(swept: Shell) -> None:
    done = swept.run("report", "j", "-o", "-")

    assert done.returncode == 2
    assert not (swept.folder / "-").exists()


def test_explain_names_the_kill_of_a_row(shell: Shell) -> None:
    shell.run("sub", "-n", "k", "--no-wait", "--consumers", "1", "--grid", "n=0..1", "sleep", "60")
    shell.run("kill", "k", "--index", "1")

    done = shell.run("explain", "k", "1")

    assert "task 1 of k does not run: killed" in done.stdout
    assert "extra attempt" not in done.stdout
    assert "kubeque reset k --state killed" in done.stdout
    shell.run("kill", "k")


@pytest.mark.parametrize(
    ("command", "push"),
    [
        ("cat data/people.csv", "data/people.csv:data/people.csv"),
        ("python3 -c import(sys);open(sys.argv[1]) data/people.csv", "data/people.csv:data/people.csv"),
        ("sed p ./people.csv", "people.csv"),
        ("python3 data/run.py", "data/run.py:data/run.py"),
    ],
)
def test_a_file_that_was_not_sent_is_named(shell: Shell, command: str, push: str) -> None:
    (shell.folder / "data").mkdir()
    for folder in ("", "data/"):
        shell.write(f"{folder}people.csv", "name\nana\n")
        shell.write(f"{folder}run.py", "")

    words = [word.replace("import(sys)", "import sys") for word in command.split()]
    done = shell.run("sub", "-n", "j", "--repeat", "1", *words)

    step = f"kubeque sub --like j -n j --repair -u {push}"
    for shown in (done, shell.run("explain", "j"), shell.run("status", "j")):
        assert f"next: {step} uploads the missing files" in shown.stdout
    assert shell.run(*step.split()[1:]).returncode == 0  # the step works


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (("./run.sh", "{i}"), ("--", "^./run.sh", "{i}")),
        (("--shell", "./run.sh {i}"), ("-u", "run.sh")),
    ],
)
def test_a_program_that_was_not_sent_is_named(shell: Shell, command: tuple[str, ...], options: tuple[str, ...]) -> None:
    shell.write("run.sh", "#!/bin/sh\n").chmod(0o755)

    done = shell.run("sub", "-n", "j", "--grid", "i=1..2", *command)

    step = shlex.join(["kubeque", "sub", "--like", "j", "-n", "j", "--repair", *options])
    for shown in (done, shell.run("explain", "j"), shell.run("status", "j")):
        assert f"next: {step} uploads the missing files" in shown.stdout
        assert "reset" not in shown.stdout
    assert shell.run(*shlex.split(step)[1:]).returncode == 0  # the step works


@pytest.mark.parametrize("path", ["nowhere.csv", "/etc/nowhere", "../outside"])
def test_a_file_that_is_not_here_gets_no_such_step(shell: Shell, path: str) -> None:
    (shell.folder.parent / "outside").write_text("")

    done = shell.run("sub", "-n", "j", "--repeat", "1", "cat", path)

    assert "did not find" not in done.stdout + done.stderr
