"""Processes that start with the command line of an earlier version run the current code and work."""

from __future__ import annotations

import json
import shutil
import subprocess
import venv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.compatibility.placing import Placed
from tests.servers.api_server import ApiServer
from tests.servers.here import or_skip
from tests.servers.process import NotHere
from tests.waiting import until

pytestmark = pytest.mark.rotating

ROOT = Path(__file__).parents[2]
POD = {"KUBEQUE_POD_NAME": "kq-closed-abcdefghijkm-0-1-0-abcde", "KUBEQUE_POD_UID": "12-34", "KUBEQUE_HOST_IPC": "1"}


def run(words: Sequence[str], env: dict[str, str], text: str = "") -> subprocess.CompletedProcess[str]:
    """A process of ours, to its end."""
    return subprocess.run(words, env=env, input=text, text=True, capture_output=True, timeout=100)


@pytest.mark.timeout(300)
def test_a_local_consumer_takes_over_and_the_job_is_closed(old: Placed) -> None:
    # Given a job whose consumer is gone
    before = old.ran("running")

    # When a consumer starts by the words of the old version, and stays when nothing is left
    words = [*old.words("local consumer"), "--linger", "100"]
    with subprocess.Popen(words, env=old.environment()) as consumer, old.client() as client:
        until("the last row", lambda: old.ran("running")["running", 5], 120)

        # Then what closes jobs starts by its words too, and closes the job once the last result is stored
        def closed() -> bool:
            ended = run(old.words("closing"), old.environment())
            assert ended.returncode == 0, ended.stderr
            return client.job("running").closing is not None

        until("the end of the job", closed)
        assert consumer.poll() is None
        consumer.terminate()
        assert consumer.wait(30) == 143
        assert old.counts("running") == {"ok": 6}

    # And what was ok has not run again
    assert old.ran("running") - before == Counter(("running", index) for index in (2, 3, 4, 5))


def test_a_consumer_in_a_pod_looks_for_work_and_leaves(old: Placed, tmp_path: Path) -> None:
    words = [word.replace("/kubeque/work", str(tmp_path / "work")) for word in old.words("pod consumer")]
    ended = run([*words, "--linger", "0.2"], old.environment(**POD))
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "work").is_dir()

    missing = run(words, old.environment())
    assert missing.returncode != 0
    assert "KUBEQUE_POD_NAME is not set" in missing.stderr


def test_the_init_container_copies_the_software(old: Placed, tmp_path: Path) -> None:
    # Given an image with a Python that is started by a loader of its own
    image, target = tmp_path / "image", tmp_path / "software"
    venv.create(image / "python", symlinks=True)
    (site,) = (image / "python" / "lib").glob("python3*/site-packages")
    (site / "kubeque.pth").write_text(f"{ROOT}\n")
    (image / "lib").mkdir()
    (image / "lib" / "libexample.so").write_text("a library")

    # When the words of the old version run, from its Python on
    words = old.text("words")["pod install"]
    words = [str(image / "python" / "bin" / "python3"), *words[words.index("-I") :]]
    assert words[-1] == "/kubeque/software"
    ended = run([*words[:-1], str(target)], old.environment())

    # Then libraries and Python are there
    assert ended.returncode == 0, ended.stderr
    assert (target / "lib" / "libexample.so").read_text() == "a library"
    assert (target / "python" / "bin" / "python3").exists()


def test_a_replay_reads_its_order(old: Placed) -> None:
    # The folder of the old version's order is not in the data, as a replay makes it
    ended = run(old.words("replay"), old.environment(), json.dumps(old.text("replay")))
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert (answer["cause"], answer["code"], answer["out"]) == ("ok", 0, {"twice": 20})
    assert [file["name"] for file in answer["files"]] == ["deep/twice.txt"]


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path, "a-token")
    server.start()
    yield server
    server.stop()


def test_a_keeper_looks_at_its_job_and_leaves(old: Placed, tmp_path: Path, api_server: ApiServer) -> None:
    # Given the account of a pod, where Kubernetes puts it
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text(api_server.token)
    (account / "namespace").write_text("default")
    shutil.copy(api_server.certificate, account / "ca.crt")
    host, _, port = api_server.endpoint.partition(":")
    env = old.environment(KUBERNETES_SERVICE_HOST=host, KUBERNETES_SERVICE_PORT=port, HOME=str(tmp_path))

    # When a keeper starts by the words of the old version
    ended = run([*in_pod(account), *old.words("pod keeper")], env)

    # Then it finds that its job has ended
    assert ended.returncode == 0, ended.stderr
    assert "closed: the job has ended" in ended.stderr
    assert any(call.endswith("/selfsubjectaccessreviews") for call in api_server.calls)


def in_pod(account: Path) -> list[str]:
    """Words that start a process which sees the folder `account` where a pod has that of its service account."""
    below = "/run/secrets/kubernetes.io/serviceaccount"
    script = f'mount -t tmpfs none /run && mkdir -p {below} && mount --bind "$1" {below} && shift && exec "$@"'
    words = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(account)]
    with or_skip():
        if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True).returncode:
            raise NotHere("unshare --map-root-user --mount")
    return words
