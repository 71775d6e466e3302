"""The command line as users run it: the real program, with its own home folder and working folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.queues.backend_kinds import fresh_namespace, fresh_schema
from tests.queues.conftest import server as server  # one that all tests of a run share
from tests.servers.forked import run_kubeque, start_kubeque

SAMPLE = Path(__file__).parents[2] / "examples" / "sample-job"


@dataclass
class Shell:
    """A folder in which a user runs `kubeque ...`."""

    folder: Path
    home: Path

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "KUBEQUE_HOME": str(self.home), "HOME": str(self.folder), "NO_COLOR": "1"}

    def run(self, *words: str, timeout: float = 110) -> subprocess.CompletedProcess[str]:
        """Run `kubeque WORDS`; return its output and exit code."""
        return run_kubeque(words, cwd=self.folder, env=self.env, timeout=timeout)

    def execute(self, *words: str, timeout: float = 110) -> subprocess.CompletedProcess[str]:
        """Run a different program in the same folder, with the same environment."""
        return subprocess.run(
            words, cwd=self.folder, env=self.env, text=True, capture_output=True, timeout=timeout
        )  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `kubeque WORDS` in the background. It receives Ctrl-C even if this process ignores it."""
        return start_kubeque(words, cwd=self.folder, env=self.env)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path


@pytest.fixture
def far_shell(
    request: pytest.FixtureRequest, shell: Shell, server: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """A shell with a queue of the kind that the test's parameter names."""
    address = server(request.param)
    if request.param == "postgres":
        shell.write(".kubeque", f"[config]\nqueue_url = {fresh_schema(address)}\n")
    elif request.param.startswith("datastore"):
        monkeypatch.setenv("DATASTORE_EMULATOR_HOST", address)
        shell.write(".kubeque", f"[config]\nqueue_url = {fresh_namespace()}\n")
    return shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    folder = tmp_path / "desk"
    shutil.copytree(SAMPLE, folder)
    shell = Shell(folder, tmp_path / "home")
    yield shell
    shell.run("stop")
