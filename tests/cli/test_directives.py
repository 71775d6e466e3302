"""Options in the head of a program: `#KUBEQUE` lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubeque.cli.directives import read_directives
from kubeque.model.text import printable
from tests.cli.conftest import Shell

HEAD = """#!/usr/bin/env python3
# A model.
#KUBEQUE --memory 256Mi --task-timeout 30m  # per row
#KUBEQUE --results '*.csv' --retry-causes exit=1

import sys
#KUBEQUE --memory 1Gi
"""


def plan(shell: Shell, *words: str) -> tuple[dict[str, object], str]:
    """Return the jobspec that `sub --dry-run` prints, and its notes."""
    ran = shell.run("sub", "--dry-run", *words)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout), ran.stderr


def test_lines_at_the_top_of_the_program_are_options(shell: Shell) -> None:
    shell.write("train.py", HEAD)
    jobspec, told = plan(shell, "python3", "^train.py")
    assert {name: jobspec[name] for name in ("memory", "task_timeout", "results", "retry_causes")} == {
        "memory": "256Mi", "task_timeout": "30m", "results": ["*.csv"], "retry_causes": {"exit": 1},
    }  # fmt: skip
    assert "from train.py: --results *.csv, --memory 256Mi, --task-timeout 30m, --retry-causes exit=1\n" in told


def test_the_command_line_wins_and_can_ignore_them(shell: Shell) -> None:
    shell.write("train.py", HEAD)
    shell.write("job.json", json.dumps({"command": ["python3", "^train.py"], "memory": "512Mi"}))
    jobspec, told = plan(shell, "--task-timeout", "1m", "-f", "job.json")
    assert (jobspec["memory"], jobspec["task_timeout"], jobspec["results"]) == ("512Mi", "1m", ["*.csv"])
    assert "(overridden: --memory, --task-timeout)" in told
    jobspec, told = plan(shell, "--no-directives", "python3", "^train.py")
    assert ("memory" in jobspec, "from train.py" in told) == (False, False)


def test_a_script_without_upload_has_them_too(shell: Shell) -> None:
    script = shell.write("run.sh", "#!/bin/sh\n#KUBEQUE --consumers=3\ntrue\n")
    assert plan(shell, str(script))[0]["consumers"] == 3
    assert "consumers" not in plan(shell, "cat", "run.sh")[0]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--image x", "train.py: --image is not allowed in a #KUBEQUE line: give it on the command line"),
        ("--memroy 1Gi", "train.py, #KUBEQUE: No such option '--memroy'"),
        ("--memory 1Gi --memory 2Gi", "--memory is given twice"),
        ("1Gi", "train.py, #KUBEQUE: Got unexpected extra argument"),
        ("--memory", "train.py, #KUBEQUE: Option '--memory' requires an argument"),
        ("--consumers many", "train.py, #KUBEQUE: Invalid value for '--consumers'"),
        ("--memory '1Gi", 'train.py, line 1: "--memory \'1Gi" has an open quote'),
        ("--memory lots", "memory 'lots' is not a quantity"),
        ("--retry-causes exit", "--retry-causes 'exit': write NAME=VALUE"),
        ("-n name", "-n is not allowed in a #KUBEQUE line"),
    ],
)
def test_a_wrong_line_is_refused_before_the_submission(shell: Shell, line: str, says: str) -> None:
    shell.write("train.py", f"#KUBEQUE {line}\n")
    ran = shell.run("sub", "python3", "^train.py")
    assert (ran.returncode, ran.stderr.count("\n"), says.lower() in ran.stderr.lower()) == (2, 1, True), ran.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["sort ^data.csv | python3 ^train.py {index} > out.txt"], "from train.py: --memory 256Mi, --task-timeout 30m"),
        (["python3 ^train.py&&./^other.sh"], "from train.py: --memory 256Mi, --task-timeout 30m"),
        (["sh", "^other.sh", "| python3", "^train.py"],
         "from other.sh: --memory 2Gi; not used: the #KUBEQUE lines of train.py"),
        (["{here}/other.sh {index} | tee out.txt"], "from {here}/other.sh: --memory 2Gi"),
        (["echo '^train.py' | cat ^data.csv # ^other.sh"], ""),
    ],
)  # fmt: skip
def test_the_lines_of_a_script_in_a_shell_text_are_read(tmp_path: Path, words: list[str], named: str) -> None:
    for name, text in (
        ("train.py", "#KUBEQUE --memory 256Mi --task-timeout 30m\n"),
        ("other.sh", "#!/bin/sh\n#KUBEQUE --memory 2Gi\n"), ("data.csv", "a\n"),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
    command = [word.replace("{here}", str(tmp_path)) for word in words]
    jobspec = {"command": command, "base": str(tmp_path), "shell": True}

    assert read_directives(jobspec).describe(jobspec) == named.replace(
        "{here}/other.sh", printable(f"{tmp_path}/other.sh")
    )


def test_a_line_with_the_blank_of_a_formatter_counts_if_an_option_follows(shell: Shell) -> None:
    shell.write("train.py", "# KUBEQUE --memory 1Gi\n")
    assert "from train.py: --memory 1Gi" in plan(shell, "python3", "^train.py")[1]
    shell.write("train.py", "# KUBEQUE runs this\n#KUBEQUE\n#KUBEQUENESS --memory\nprint(1)\n")
    assert "from train.py" not in plan(shell, "python3", "^train.py")[1]


def test_a_program_that_is_not_text_has_none(shell: Shell) -> None:
    shell.write("model.bin", b"\x7fELF\xff\xfe\n#KUBEQUE --image x\n")
    assert "image" not in plan(shell, "^model.bin")[0]
