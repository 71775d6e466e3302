"""A long task among short tasks. No task waits behind it that another consumer could run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.model.rows.grid import sequence
from kubeque.model.sweep.sweep import Sweep

# The first task of each consumer is short, so that it reserves ahead; its next one is long, in one of them.
SCRIPT = """
mkdir {0}/$PPID 2> /dev/null && exit
mkdir {0}/long 2> /dev/null || exit 0
until test -e {0}/go; do sleep 0.1; done
"""


@pytest.mark.parametrize("rows", [12, 3])
def test_what_was_reserved_and_staged_behind_it_is_run_by_others(client: Client, tmp_path: Path, rows: int) -> None:
    client.submit(Sweep(["sh", "-c", SCRIPT.format(tmp_path)], sequence(rows), name="mixed", consumers=2))
    end = time.monotonic() + 60
    while (counts := client.status("mixed").counts).ok < rows - 1:
        assert time.monotonic() < end, f"they wait behind the long one: {counts}"
        time.sleep(0.2)
    assert (counts.running, counts.pending) == (1, 0)
    (tmp_path / "go").touch()
    assert client.wait("mixed", timeout=60).counts.ok == rows
