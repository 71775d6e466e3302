"""The command of a task, filled in."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kubeque.model.command.command import Word, parse_word
from kubeque.model.job.argv import task_argv
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.rows import RowsSpec


def spec_of(*words: str, columns: tuple[str, ...] = (), shell: bool = False) -> JobSpec:
    return JobSpec(tuple(parse_word(word) for word in words), RowsSpec(columns, 1, "table", "digest"), shell=shell)


def test_words_are_filled_in_one_argument_each():
    spec = spec_of("python3", "sim.py", "--zoom={zoom}", "{label}", r"\{x\}", "{index}", columns=("zoom", "label"))
    row = {"zoom": "0.5", "label": "a b; $(id) {zoom} ^x", "index": "7"}

    assert task_argv(spec, row, {}) == ["python3", "sim.py", "--zoom=0.5", "a b; $(id) {zoom} ^x", "{x}", "7"]


def test_an_uploaded_word_becomes_its_name_in_the_working_directory():
    spec = spec_of("^bin/render.py", "-c", "^data/{region}.csv", columns=("region",))
    names = {"bin/render.py": "render.py", "data/eu.csv": "eu.csv"}

    assert task_argv(spec, {"region": "eu", "index": "0"}, names) == ["./render.py", "-c", "eu.csv"]


def test_a_shell_gets_the_words_joined_and_the_values_as_data(tmp_path: Path):
    spec = spec_of("^run.sh", '"{name}"', "^data/{name}.txt", "|", "cat > out.txt", columns=("name",), shell=True)
    row = {"name": "$(touch ran) 'x", "index": "0"}
    (tmp_path / "run.sh").write_text('#!/bin/sh\nprintf "%s|%s" "$1" "$2"\n')
    (tmp_path / "run.sh").chmod(0o755)

    argv = task_argv(spec, row, {"run.sh": "run.sh", "data/$(touch ran) 'x.txt": "$(touch ran) 'x.txt"})
    subprocess.run(argv, cwd=tmp_path, check=True, timeout=30)

    assert argv[:2] == ["/bin/sh", "-c"]
    assert (tmp_path / "out.txt").read_text() == "$(touch ran) 'x|$(touch ran) 'x.txt"
    assert not (tmp_path / "ran").exists()


def test_a_word_without_upload_is_never_renamed():
    assert task_argv(JobSpec((Word(("^x",)),), RowsSpec((), 1, "sequence", "")), {"index": "0"}, {}) == ["^x"]
