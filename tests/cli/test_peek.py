"""`kubeque peek` with a queue on a server and without access to the consumers' folders."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.queues.backend_kinds import on

#: Command that waits for a file. Then row 0 succeeds and row 1 fails.
SCRIPT = 'echo begun $0; echo warned >&2; while ! test -e "$1"; do sleep 0.2; done; echo done; exit $0'


@pytest.mark.timeout(300)
@pytest.mark.parametrize("far_shell", [on("postgres"), on("datastore-firestore", pytest.mark.rotating)], indirect=True)
def test_what_a_task_writes_is_seen_from_elsewhere(far_shell: Shell, tmp_path: Path) -> None:
    # Given two tasks that run, and somebody with the same queue and store but another home
    here, elsewhere, go = far_shell, Shell(far_shell.folder, tmp_path / "elsewhere"), tmp_path / "go"
    with (here.folder / ".kubeque").open("a") as file:
        file.write(f"default_url_prefix = {tmp_path}/results\n")
    told = ("-n", "talk", "--no-wait", "--consumers", "2", "--repeat", "2")
    assert here.run("sub", *told, "sh", "-c", SCRIPT, "{index}", str(go)).returncode == 0
    try:
        # When both streams of the first task are read, then they contain its output
        end = time.monotonic() + 60
        while "begun 0" not in (seen := elsewhere.run("peek", "talk", "0")).stdout:
            assert time.monotonic() < end, seen.stdout + seen.stderr
        assert seen.stderr.startswith("talk 0: running, attempt 1, stdout of 8 bytes")
        assert elsewhere.run("peek", "talk", "0", "--stderr").stdout == "warned\n"
        # and `--follow` shows the end
        following = elsewhere.start("peek", "talk", "0", "--follow")
        time.sleep(2)
        go.touch()
        out, said = following.communicate(timeout=80)
        assert (following.returncode, out) == (0, "begun 0\ndone\n"), said
        # When the tasks have ended, ok or failed, the whole output is there
        assert here.run("watch", "talk").returncode == 1
        finished, failed = elsewhere.run("peek", "talk", "0"), elsewhere.run("peek", "talk", "1")
        assert (finished.stdout, failed.stdout) == ("begun 0\ndone\n", "begun 1\ndone\n")
        assert finished.stderr.startswith("talk 0: ok, attempt 1, ")
        assert failed.stderr.startswith("talk 1: failed, attempt 1, ")
        assert elsewhere.run("peek", "talk", "1", "--stderr").stdout == "warned\n"
    finally:
        go.touch()
        elsewhere.run("stop")
