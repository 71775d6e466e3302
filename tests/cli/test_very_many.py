"""A job of very many tasks on the command line: no command holds all tasks in memory."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.files.layout import spec_url
from kubeque.model.config.config import Config
from kubeque.model.job.changes import close_job
from kubeque.model.job.counts import Counts
from kubeque.model.job.job_state import JobState
from kubeque.model.rows.grid import sequence
from kubeque.model.sweep.sweep import Sweep
from kubeque.queues.block import make_blocks
from kubeque.queues.open import open_queue
from tests.cli.conftest import Shell

pytestmark = pytest.mark.rotating

#: Runs `kubeque ...`, then says on stderr the most memory that it took, in KiB.
_MEASURED = """
import sys
from kubeque.cli.__main__ import main
try:
    main()
finally:
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    print(line.split()[1], file=sys.stderr)
"""


def measured(shell: Shell, *words: str) -> tuple[int, int, str, int]:
    """Return the exit code, the number of printed lines, the last line, and the peak memory in MiB."""
    with subprocess.Popen(
        [sys.executable, "-c", _MEASURED, *words],
        cwd=shell.folder, env=shell.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        count, last = 0, ""
        for line in process.stdout:
            count, last = count + 1, line
        said = process.stderr.read()
        return process.wait(), count, last, int(said.split()[-1]) // 1024


def local(url: str) -> Path:
    return Path(url.removeprefix("file://"))


def make_large(shell: Shell, n: int) -> str:
    """Make a job of `n` tasks that has ended because it was killed before any task ran."""
    config = Config.load(start=shell.folder, home=shell.folder, environ=shell.env)
    with Client(config) as client, closing(open_queue(config.queue_url)) as queue:
        client.submit(Sweep(["true"], name="small", rows=sequence(1)))
        small = client.wait("small", timeout=60).job
        spec = json.loads(local(spec_url(small)).read_text())
        spec["rows"]["n"] = n
        large = replace(small, name="large", uid="large-uid", n=n, url=small.url.replace(small.uid, "large-uid"))
        local(large.url).mkdir()
        text = json.dumps(spec)
        local(spec_url(large)).write_text(text)
        large = large.with_spec(hashlib.sha256(text.encode()).hexdigest())
        local(f"{large.url}/results-0.csv").write_text("index\n")
        ended = close_job(replace(large, state=JobState.KILLED, closing=None), Counts(killed=n), at=1.0)
        queue.create(ended, make_blocks(large.uid, n, 256))
    return "large"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("n", [50_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_very_many_tasks_are_listed_in_flat_memory(shell: Shell, n: int) -> None:
    large = make_large(shell, n)
    few = measured(shell, "status", large, "--tasks", "--limit", "1000")
    for options in ((), ("--json",)):
        code, lines, last, memory = measured(shell, "status", large, "--tasks", *options)
        assert (code, lines) == (0, n if options else n + 1)
        assert str(n - 1) in last
        assert memory < few[3] + 20, "MiB more than for a thousand tasks"


def test_the_doctor_holds_a_byte_for_each_task(shell: Shell) -> None:
    large = make_large(shell, 1_000_000)
    few, (code, lines, last, memory) = measured(shell, "doctor", "small"), measured(shell, "doctor", large)
    assert (code, lines) == (0, 2), last
    assert memory < few[3] + 30, "MiB more than for one task"
