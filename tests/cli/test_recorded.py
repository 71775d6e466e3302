"""The guides show the real output of commands: recorded sessions print the same again, except for times and sizes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from docs.generate.recorded import FILES, HIDDEN, SESSIONS, mask, read_blocks
from tests.cli.conftest import Shell

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = {name: text for page in sorted(DOCS.rglob("*.md")) for name, text in read_blocks(page.read_text()).items()}


def test_each_session_has_a_block() -> None:
    assert set(BLOCKS) == set(SESSIONS)


@pytest.mark.parametrize("name", sorted(SESSIONS))
def test_the_guides_show_what_the_program_prints(shell: Shell, name: str) -> None:
    for file, content in FILES.items():
        (shell.folder / file).parent.mkdir(exist_ok=True)
        shell.write(file, content)
    printed = ""
    for number, line in enumerate(SESSIONS[name]):
        words = shlex.split(line)
        done = shell.run(*words[1:]) if words[0] == "kubeque" else shell.execute("sh", "-c", line)
        if number >= HIDDEN.get(name, 0):
            printed += f"$ {line}\n{done.stdout}{done.stderr}"
    assert mask(printed.replace(str(shell.folder), "~")) == mask(BLOCKS[name])
