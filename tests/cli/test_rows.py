"""Rows as people have them, and the mistakes that `sub` names before it submits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

pa = pytest.importorskip("pyarrow")


def commands(shell: Shell, *words: str) -> list[str]:
    """Return the commands that `sub --dry-run WORDS` prints."""
    ran = shell.run("sub", "--dry-run", *words)
    assert ran.returncode == 0, ran.stderr
    return [line.partition(": ")[2] for line in ran.stderr.splitlines() if line.startswith("  ") and ": " in line]


def test_a_file_of_rows_may_have_another_format(shell: Shell) -> None:
    # Given the same rows in five formats
    shell.write("r.tsv", "a\tb\n1\tx\n2\ty\n")
    shell.write("excel.csv", "\ufeffa;b\r\n1;x\r\n2;y\r\n;\r\n")
    shell.write("pandas.csv", ",a,b\n0,1,x\n1,2,y\n")
    shell.write("r.jsonl", '{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n')
    from pyarrow import parquet

    parquet.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]}), shell.folder / "r.parquet")

    # Then each of them is read
    for name in ("r.tsv", "excel.csv", "pandas.csv", "r.jsonl", "r.parquet"):
        assert commands(shell, "-p", name, "echo", "{a}", "{b}") == ["echo 1 x", "echo 2 y"], name
    told = shell.run("sub", "--dry-run", "-p", "excel.csv", "echo", "{a}").stderr
    assert "excel.csv: semicolons separate the columns\n" in told
    assert "excel.csv: left out 1 empty row (line 4)\n" in told


def test_a_damaged_parquet_file_is_one_line(shell: Shell) -> None:
    shell.write("r.parquet", b"PAR1 and no more")
    ran = shell.run("sub", "-p", "r.parquet", "echo", "{a}")
    assert (ran.returncode, "r.parquet is a damaged Parquet file" in ran.stderr) == (2, True)


def test_rows_come_from_a_pipe_in_any_format(shell: Shell) -> None:
    sub = f"{sys.executable} -m kubeque.cli sub --dry-run -p"
    script = f"printf 'a;b\\n1;x\\n' | {sub} - echo {{b}}; printf '{{\"a\": 7}}' > j; {sub} <(cat j) echo {{a}}"
    ran = shell.execute("bash", "-c", script)
    assert "  0: echo x\n" in ran.stderr
    assert "  0: echo 7\n" in ran.stderr


def test_files_are_rows(shell: Shell) -> None:
    for name in ("b.png", "a.png"):
        shell.write(name, name)
    ran = shell.run("sub", "-n", "each", "--each", "*.png", "sh", "-c", 'cp "$0" "$1.copy"', "^{path}", "{stem}")
    assert ran.returncode == 0, ran.stderr

    shell.run("fetch", "each", "out")
    assert [(shell.folder / "out" / str(i) / f"{n}.copy").read_text() for i, n in enumerate("ab")] == ["a.png", "b.png"]


def test_files_of_other_folders_are_rows(shell: Shell) -> None:
    # Given files outside of the current folder: two with the same name, one with a blank, and a linked folder
    outside = shell.folder.parent / "outside"
    for name in ("a.png", "b 1.png", "deep/a.png"):
        (outside / name).parent.mkdir(parents=True, exist_ok=True)
        (outside / name).write_text(name)
    (shell.folder / "linked").symlink_to(outside)

    # Then each pattern that the user wrote gives tasks their files, also in a sample and in repetitions
    for pattern in (f"{outside}/**/*.png", f"file://{outside}/**/*.png", "../outside/**/*.png", "./linked/**/*.png"):
        assert commands(shell, "--each", pattern, "cat", "^{path}") == ["cat a.png", "cat 'b 1.png'", "cat a.png"]
    words = ("--sample", "2", "--repeat", "1", "--each", f"{outside}/**/*.png")
    assert len(commands(shell, *words, "cat", "^{path}")) == 2
    assert len(commands(shell, "--each", f"{outside}/a.png", "--each", "../outside/b*", "cat", "^{path}")) == 2

    # And a reset with the present files reads them from there, too
    ran = shell.run("sub", "-n", "far", "--each", f"{outside}/**/*.png", "cat", "^{path}")
    assert ran.returncode == 0, ran.stderr
    (outside / "a.png").write_text("new")
    assert shell.run("reset", "far", "--all", "--update").returncode == 0
    assert shell.run("watch", "far").returncode == 0
    assert shell.run("logs", "far").stdout.splitlines() == ["0 | new", "1 | b 1.png", "2 | deep/a.png"]


def test_only_files_below_the_pattern_are_uploaded(shell: Shell) -> None:
    # Given rows from a file, and a link that leads out of the folder of a pattern
    outside = shell.folder.parent / "outside"
    outside.mkdir()
    (outside / "a.png").write_text("a")
    shell.write("in.csv", f"path\n{outside}/a.png\n")
    (shell.folder / "img").mkdir()
    shell.write("img/b.png", "b")
    (shell.folder / "img/c.png").symlink_to(outside / "a.png")

    # Then both are refused, and so is a name without its folder
    assert "must stay below" in shell.run("sub", "-p", "in.csv", "cat", "^{path}").stderr
    assert "is a symbolic link to" in shell.run("sub", "--each", "img/*.png", "cat", "^{path}").stderr
    told = shell.run("sub", "--each", "img/b.png", "cat", "^{name}").stderr
    assert "there is no file 'b.png' in" in told
    assert "write '^{path}', which uploads img/b.png and becomes b.png in the command" in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--each", "*.none", "cat"), "matches no file"),
        (("--each", "in.csv", "also.csv"), "put the pattern into quotes, for example --each '*.csv'"),
        (("--seed", "3", "true"), "--seed needs --sample"),
        (("--zip", "true"), "--zip needs --grid"),
        (("--delimiter", "ab", "-p", "in.csv", "true"), "--delimiter 'ab' is not a delimiter: give one character"),
        (("-p", "in.csv", "--sample", "5", "true"), "--sample 5: the sweep has only 2 rows"),
        (("--grid", "a=1,2", "--zip", "--sample", "1", "true"), "--zip and --sample exclude each other"),
        (("-p", "in.csv", "cat {a} | wc -l"), "is one word, so it is the name of a program: add --shell to run"),
        (("-p", "in.csv", "cat ^x '{a} b'"), "one by one, here cat '^x' '{a} b', or add --shell to run"),
        (("--shell", "cat '^in.csv' | wc"), "has ^in.csv in quotes or in a here-document, so it uploads no file"),
        (("--shell", "cat ^no.csv | wc"), "the word '^no.csv': cannot read"),
        (
            ("--shell", "grep ^no in.csv | wc"),
            "; if ^no is text, put it in single quotes in the shell command, or write \\^no\n",
        ),
        (("-p", "in.csv", "--shell", "grep ^{a} in.csv"), "; if ^{a} is text, put it in single quotes"),
        (("-p", "in.csv", "-u", "{a}", "cat", "{a}"), "to upload a file of each row, write '^{column}' in the command"),
        (
            ("-p", "null.jsonl", "echo", "{b}"),
            "null.jsonl: row 1, column 'b': the value is null, which is not a text: write \"\" for an empty text",
        ),
        (("--shell", "cat ^'in.csv' | wc"), "the word ^'in.csv' in the shell command is not a plain path"),
        (("-p", "in.csv", "cat {a}"), "one by one, here cat '{a}', or add --shell to run the command in a shell\n"),
    ],
)
def test_a_mistake_in_the_rows_or_the_command_is_refused(shell: Shell, words: tuple[str, ...], says: str) -> None:
    shell.write("in.csv", "a\n1\n2\n")
    shell.write("also.csv", "a\n1\n")
    shell.write("null.jsonl", '{"a": 1, "b": ""}\n{"a": 2, "b": null}\n')
    ran = shell.run("sub", *words)
    assert (ran.returncode, says in ran.stderr) == (2, True), ran.stderr


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (
            ("python3", "model.py"),
            "model.py is a file in this folder, and tasks run in other folders: '^model.py' uploads",
        ),
        (("./model.py",), "'^./model.py' uploads the file"),
        (
            ("--each", "*.png", "cat", "{path}"),
            "a.png is a file in this folder, and tasks run in other folders: '^{path}'",
        ),
        (("--shell", "python3 model.py | wc"), "--push model.py uploads the file"),
        (("--each", "?.png", "--shell", "cat {path}|wc"), "of each row, write ^{path} as a word without quotes"),
        (("--each", "* *.txt", "--shell", "cat '{path}' | wc"), "of each row, write ^{path} as a word without quotes"),
        (("--shell", "cat 'a b.txt' | wc"), "--push 'a b.txt' uploads the file"),
        (("cat", "x", "|", "wc"), "the word '|' is an argument of the program: add --shell to use a shell"),
        (("--grid", "a=1,2", "--grid", "b=1,2", "echo", "{a}"), "the command does not use {b}"),
    ],
)
def test_a_likely_mistake_is_named_before_the_submission(shell: Shell, words: tuple[str, ...], note: str) -> None:
    shell.write("model.py", "")
    shell.write("a.png", "")
    shell.write("a b.txt", "")
    assert note in shell.run("sub", "--dry-run", *words).stderr


def test_what_is_right_has_no_note(shell: Shell, tmp_path: Path) -> None:
    for name in ("model.py", "conf.yaml", "data.csv"):
        shell.write(name, "")
    words = (
        "-u",
        "conf.yaml",
        "--grid",
        "a=1,2",
        "--grid",
        "seed=1,2",
        "python3",
        "^model.py",
        "conf.yaml",
        "{a}",
        "{seed}",
    )
    for command in (words, ("--grid", "a=1,2", "--grid", "b=1,2", "env"), ("cat", str(shell.folder / "data.csv"))):
        ran = shell.run("sub", "--dry-run", *command)
        assert [line for line in ran.stderr.splitlines() if "task" not in line and not line.startswith("  ")] in (
            ["nothing was submitted"],
            ["1 input file (0B), 0 of them stored already: 0B would be uploaded", "nothing was submitted"],
            ["2 input files (0B), 0 of them stored already: 0B would be uploaded", "nothing was submitted"],
        ), ran.stderr
