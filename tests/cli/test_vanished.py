"""If the queue or the whole home folder is removed during a sweep, all processes of the sweep end by themselves."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from kubeque.clusters.slot import start_ticks
from tests.cli.conftest import Shell
from tests.queues.backend_kinds import on
from tests.slots import read_slot
from tests.waiting import until

pytestmark = pytest.mark.rotating


def alive(shell: Shell) -> list[int]:
    """The consumers of this home folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile
        if b"kubeque.consumer" in words and os.fsencode(shell.home) in words:
            found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("what", ["home", "queue"])
def test_watchers_and_consumers_end_when_the_queue_is_removed(shell: Shell, tmp_path: Path, what: str) -> None:
    # Given a running sweep and a watcher
    assert shell.run("sub", "-n", "j", "--no-wait", "--repeat", "9", "sleep", "600").returncode == 0
    watching = shell.start("watch", "j")
    until("a running task", lambda: "command" in read_slot(shell.home))
    assert watching.stderr is not None
    assert watching.stderr.readline().startswith(("j: waiting: ", "j: running: "))
    seen = read_slot(shell.home)
    log = tmp_path / "log"
    os.link(shell.home / "fleet" / "0.log", log)
    # When the queue goes
    if what == "home":
        shell.home.rename(tmp_path / "rubbish")  # all at once, so that the queue is missed first
        shutil.rmtree(tmp_path / "rubbish", ignore_errors=True)
    else:
        for path in sorted(shell.home.glob("queue.db*")):
            path.unlink()
    # Then the watcher says so and ends,
    _, said = watching.communicate(timeout=60)
    assert watching.returncode == 1
    removed = f"the queue {shell.home}/queue.db was removed with all its jobs: submit the sweeps again"
    assert said.splitlines()[-1] == f"kubeque: {removed}"
    # so do the consumers with what they ran,
    until("the end of the consumers", lambda: not alive(shell))
    until("the end of the command", lambda: start_ticks(int(str(seen["command"]))) != seen["command_start"])
    assert log.read_text().splitlines()[-1].endswith(f"ERROR the consumer ends: {removed}")
    # and nobody has made another queue.
    assert not (shell.home / "queue.db").exists()


def test_a_consumer_that_comes_too_late_makes_no_queue(shell: Shell) -> None:
    assert shell.run("sub", "-n", "j", "--no-wait", "sleep", "600").returncode == 0
    until("a running task", lambda: "command" in read_slot(shell.home))
    [pid] = alive(shell)
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    shell.run("stop")
    (shell.home / "queue.db").unlink()
    assert "queue" not in " ".join(words[3:])  # it may have a password, and every user of the machine reads this
    ended = shell.execute("env", f"KUBEQUE_QUEUE_URL=sqlite:///{shell.home}/queue.db", *words)
    assert ended.returncode == 1
    assert "queue.db was removed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (shell.home / "queue.db").exists()


@pytest.mark.parametrize("far_shell", [on("postgres")], indirect=True)
def test_a_consumer_whose_home_is_removed_leaves_a_queue_on_a_server_in_good_order(
    far_shell: Shell, tmp_path: Path
) -> None:
    # Given a queue and a store elsewhere, and a task that runs
    shell, go = far_shell, tmp_path / "go"
    with (shell.folder / ".kubeque").open("a") as file:
        file.write(f"default_url_prefix = {tmp_path}/results\n")
    wait = f"while ! test -e {go}; do sleep 0.1; done"
    told = ("-n", "j", "--no-wait", "--consumers", "1", "--repeat", "3")
    assert shell.run("sub", *told, "sh", "-c", wait).returncode == 0
    until("a running task", lambda: "command" in read_slot(shell.home))
    [old] = alive(shell)
    # When the home folder goes, then nobody sees the consumer any more, and it leaves after its task
    shutil.rmtree(shell.home)
    time.sleep(6)
    go.touch()
    until("the end of the old consumer", lambda: start_ticks(old) == "")
    # and the sweep stops, because the environment of its submission is gone, and goes on with the present one.
    stopped = shell.run("watch", "j")
    assert stopped.returncode == 1
    assert "kubeque reset j --update" in stopped.stdout + stopped.stderr
    assert shell.run("reset", "j", "--update").returncode == 0
    assert shell.run("watch", "j").returncode == 0
    told = json.loads(shell.run("show", "j", "0", "--json").stdout)
    assert told["attempts"] == 1, told
