"""A wrong command, option or column is an error that suggests the right one. Without a command, help is printed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kubeque.cli.command_names import COMMANDS, OTHER_NAMES
from kubeque.cli.program import run

#: Exit code and a part of the output, keyed by the words of the user.
TYPED = {
    "": (0, "Run one command for each row of a table"),
    "pool": (0, "resize  Set the number of nodes"),
    "help": (0, "Run one command for each row of a table"),
    "help sub": (0, "Usage: kubeque sub [OPTIONS] [COMMAND]..."),
    "help pool add": (0, "Usage: kubeque pool add"),
    "help sbu": (2, "no such command 'sbu': did you mean 'sub'?"),
    "help pool ad": (2, "no such command 'ad': did you mean 'add'?"),
    "help sub x": (2, "kubeque sub has no subcommands: leave out 'x'"),
    "stauts": (2, "no such command 'stauts': did you mean 'status'?"),
    "STATUS": (2, "no such command 'STATUS': did you mean 'status'?"),
    "cancel": (2, "did you mean 'kill'?"),
    "version": (2, "did you mean '--version'?"),
    "zzz": (2, "no such command 'zzz': the commands are sub, go"),
    "pool ad": (2, "no such command 'ad': did you mean 'add'?"),
    "sub --parms x true": (2, "no such option '--parms': did you mean '--params'?"),
    "sub --pa x true": (2, "no such option '--pa': did you mean '--params'?"),
    "sub --retry_causes x true": (2, "did you mean '--retry-causes'?"),
    "sub --no-weight true": (2, "did you mean '--no-wait'"),
    "sub --xyzzy x true": (2, "no such option '--xyzzy'; see kubeque sub --help"),
    "fetch j": (2, "missing argument 'DEST': write kubeque fetch JOB DEST; see kubeque fetch --help"),
    "watch": (2, "missing argument 'JOB': write kubeque watch JOB; see kubeque watch --help"),
    "collect j": (2, "missing option '-o': write kubeque collect JOB -o FILE; see kubeque collect --help"),
    "sub -x true": (2, "no such option '-x'; see kubeque sub --help"),
    "pool add x --machne y": (2, "no such option '--machne': did you mean '--machine-type'?"),
    "list --config x": (2, "--config belongs before the command: kubeque --config ... list"),
    "sub --grid lr=1,2 --grid seed=3,4 echo {sede}": (2, "the columns are lr, seed (did you mean {seed}?)"),
    "sub --grid lr=1,2 echo {LR}": (2, "(did you mean {lr}?)"),
    "sub -p sites.csv echo {sit}": (2, "unknown column {sit} in the command: the columns are site (did you mean"),
}


@pytest.mark.parametrize("typed", TYPED)
def test_a_wrong_word_is_answered_with_the_right_one(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sites.csv").write_text("site\nA\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBEQUE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "argv", ["kubeque", *typed.split()])
    code, words = TYPED[typed]
    assert run(hears_interrupts=False) == code
    printed = capsys.readouterr()
    assert words in (printed.err if code else printed.out)
    assert len(printed.err.splitlines()) == (1 if code else 0)


def test_a_name_of_other_programs_is_not_a_command() -> None:
    assert not set(OTHER_NAMES) & set(COMMANDS)
    assert set(OTHER_NAMES.values()) <= {*COMMANDS, "--version"}
