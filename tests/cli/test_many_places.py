"""The loop of docs/howto/many_places.md, as it is written there, starts and ends consumers as the job wants."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "many_places.md"


def find_loop() -> str:
    blocks: list[str] = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (loop,) = (block for block in blocks if "kubeque wanted" in block)
    assert loop.count("sleep 60") == 1
    return loop.replace("sleep 60", "sleep 1")


def count_consumers(shell: Shell) -> int:
    return len(json.loads(shell.run("consumers", "fit", "--json").stdout))


def wait_for(shell: Shell, consumers: int) -> None:
    until(f"{consumers} consumers", lambda: count_consumers(shell) == consumers, seconds=400)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_loop_follows_the_number_that_a_job_wants(shell: Shell, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "kubeque"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m kubeque.cli "$@"\n')
    program.chmod(0o755)
    env = {**shell.env, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(PAGE.parents[2])}
    submitted = ["sub", "-n", "fit", "--run-on", "work", "--consumers", "3", "--no-wait", "--repeat", "1000"]
    assert shell.run(*submitted, "sleep", "0.7").returncode == 0
    script = tmp_path / "loop.sh"
    script.write_text(find_loop())
    log = tmp_path / "loop.log"
    with log.open("w") as output:
        loop = subprocess.Popen(
            ["bash", str(script)], cwd=shell.folder, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(shell, 3)
        assert shell.run("scale", "fit", "1").returncode == 0
        wait_for(shell, 1)
        assert shell.run("pause", "fit").returncode == 0
        wait_for(shell, 0)
        found = json.loads(shell.run("status", "fit", "--json").stdout)["counts"]
        assert found["failed"] == 0
        assert shell.run("remove", "fit", "--yes").returncode == 0
        until("the end of the loop", lambda: loop.poll() is not None, seconds=400)
        assert "Traceback" not in log.read_text()
    finally:
        if loop.poll() is None:
            os.killpg(loop.pid, signal.SIGTERM)
        loop.wait(30)
