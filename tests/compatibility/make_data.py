"""Write a data set: the data of this kubeque version in the queue, the store, folders and Airflow's database.

    .venv/bin/python -m tests.compatibility.make_data 0.1

writes `data/0.1/` with the code that is checked out. A data set is never written again: later versions must read what
an earlier version wrote. Add one for a new version where a format changes: run this with the new code and a new name.
README.md describes what is in a data set and how the tests use it. It needs Linux and Airflow 3.3, and takes a minute.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from tests.waiting import until

DATA = Path(__file__).parent / "data"
#: Path where data sets are made. The tests replace this path with the path of their copy.
ROOT = Path("/tmp/kubeque-compatibility")
#: The fleet of a job on a cluster.
POD_FLEET = "closed-abcdefghijkm"
DESK, HOME, DAGS = ROOT / "desk", ROOT / "home", ROOT / "dags"
#: Settings that keep properties of this machine out of the data.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(DESK), "KUBEQUE_HOME": str(HOME), "NO_COLOR": "1",
    "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip

#: The program of most jobs. Each run of a row is a line of ran.txt. The files wait-N and fail-N beside it make row N
#: wait or fail.
ROW = """\
echo "$KUBEQUE_JOB_ID $KUBEQUE_TASK_INDEX" >> "$HOME/ran.txt"
echo "row $1"
while [ -e "$HOME/wait-$1" ]; do sleep 0.05; done
if [ -e "$HOME/fail-$1" ]; then echo "row $1 fails" >&2; exit 3; fi
mkdir -p deep
echo "$1 $1" > deep/twice.txt
echo "{\\"twice\\": $((2 * $1))}" > "$KUBEQUE_OUT"
"""
#: The program of the job that needs memory: row 1 in its first attempt, row 2 in each.
HUNGRY = """\
if [ "$1" = 2 ] || [ "$1$KUBEQUE_ATTEMPT" = 11 ]; then
    x=$(head -c 300000000 /dev/zero | tr '\\0' a)
    sleep 5
fi
"""
DAG = '''\
"""A DAG with the operators, the sensor and the decorator of the provider."""

import pendulum
from airflow.sdk import DAG, Asset, task

from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.kill import KubequeKillOperator
from kubeque_provider.operators.remove import KubequeRemoveOperator
from kubeque_provider.operators.reset import KubequeResetOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

with DAG("sweeps", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False) as dag:
    submit = KubequeSubmitOperator(
        task_id="submit", command=["sh", "^row.sh", "{n}"], parameters=[{"n": 1}, {"n": 2}], memory="200Mi",
        retry_causes={"lost": 5}, series="nightly", skip_done=True, wait=True, deferrable=True,
    )
    mapped = KubequeSubmitOperator.partial(task_id="mapped", wait=False).expand(command=[["echo", "1"], ["echo", "2"]])
    wait = KubequeJobSensor(task_id="wait", job_id=submit.output, deferrable=True, outlets=[Asset("x-table://t")])
    fetch = KubequeFetchOperator(task_id="fetch", job_id=wait.output, dest="results/{{ ds }}", glob=["*.txt"])
    collect = KubequeCollectOperator(task_id="collect", job_id=wait.output, dest="table.csv")
    kill = KubequeKillOperator(task_id="kill", job_id="closed")
    reset = KubequeResetOperator(task_id="reset", job_id="closed", only_cause=["exit"])
    remove = KubequeRemoveOperator(task_id="remove", job_id=submit.output)

    @task.kubeque(parameters=[{"x": 1}, {"x": 2}])
    def square(x: int) -> int:
        return x * x

    wait >> [fetch, collect] >> kill >> reset >> remove >> square()
'''


# ------------------------------------------------------------------ the jobs
def kubeque(*words: str, code: int = 0) -> str:
    """Run the command line at the desk and return its output. Raises RuntimeError for a different exit code."""
    ran = subprocess.run(
        [sys.executable, "-m", "kubeque.cli", *words], cwd=DESK, env=ENVIRONMENT, text=True, capture_output=True
    )
    if ran.returncode != code:
        raise RuntimeError(f"kubeque {' '.join(words)}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def rows(name: str, *values: int) -> tuple[str, ...]:
    """Words for `sub`: a CSV file with these values, and the program that notes each run."""
    (DESK / f"{name}.csv").write_text("n\n" + "".join(f"{value}\n" for value in values))
    return ("-n", name, "-p", f"{name}.csv")


PROGRAM = ("sh", "^row.sh", "{n}")


def ran(line: str) -> bool:
    """True if a row has begun: a line `job index` of ran.txt."""
    return line in (DESK / "ran.txt").read_text().splitlines()


def slots() -> list[dict[str, Any]]:
    """Return the contents of the consumers' slot files."""
    return [json.loads(path.read_text() or "{}") for path in sorted((HOME / "fleet").glob("*.slot"))]


def kill_consumers() -> None:
    """Kill all consumers and their commands, as a crash of the machine does. Nothing more is recorded."""
    for slot in slots():
        for number, kill in ((slot.get("pid"), os.kill), (slot.get("command"), os.killpg)):
            if isinstance(number, int):
                kill(number, signal.SIGKILL)
    until("the end of the consumers", lambda: not any(alive(slot.get("pid")) for slot in slots()))


def alive(pid: object) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def make_ended() -> None:
    """Make jobs that have ended in different ways."""
    (DESK / "fail-11").touch()
    kubeque("sub", *rows("closed", 10, 11, 12), "--memory", "200Mi", *PROGRAM, code=1)
    kubeque("sub", "-n", "grid", "--grid", "a=1,2", "--grid", "b=x,y", "--env", "MODE=old", "echo", "{a}{b}")
    (DESK / "fail-21").touch()
    kubeque("sub", *rows("revised", 20, 21), "--series", "weekly", *PROGRAM, code=1)
    (DESK / "fail-21").unlink()
    kubeque("sub", *rows("revised", 20, 21), "--series", "weekly", "--revise", *PROGRAM, "more")
    (DESK / "fail-11").unlink()
    words = ("--memory", "60Mi", "--max-memory", "120Mi", "--retries", "oom=1", "--repeat", "3")
    kubeque("sub", "-n", "oom", "--consumers", "1", *words, "sh", "^hungry.sh", "{index}", code=1)
    kubeque("sub", "-n", "expired", "--results-ttl", "1", "--repeat", "2", "true")
    kubeque("sub", *rows("nightly-0", 1, 2), "--series", "nightly", *PROGRAM)
    kubeque("sub", *rows("nightly-1", 1, 2, 3, 4), "--series", "nightly", "--skip-done", *PROGRAM)
    kubeque("remove", "nightly-0", "--yes")  # its results stay: nightly-1 links to them
    kubeque("sub", *rows("nightly-2", 1, 2, 3, 4, 5, 6), "--series", "nightly", "--skip-done", *PROGRAM)
    kubeque("sub", *rows("held", 30, 31, 32, 33, 34, 35), "--try", "2", *PROGRAM)


def make_stopped() -> None:
    """Jobs that are stopped: one by a person, and one whose consumer died in its second task."""
    kubeque("stop")  # one consumer alone: another one would run the rows behind the one that waits
    (DESK / "wait-41").touch()
    kubeque("sub", *rows("killed", 40, 41, 42), "--consumers", "1", "--no-wait", *PROGRAM)
    until("row 1 of killed", lambda: ran("killed 1") and '"ok": 1' in kubeque("status", "killed", "--json"))
    kubeque("kill", "killed")
    kubeque("watch", "killed", code=1)
    kubeque("stop")
    (DESK / "wait-51").touch()
    kubeque("sub", *rows("lost", 50, 51, 52), "--consumers", "1", "--retries", "lost=0", "--no-wait", *PROGRAM)
    until("row 1 of lost", lambda: ran("lost 1") and '"ok": 1' in kubeque("status", "lost", "--json"))
    kill_consumers()
    kubeque("watch", "lost", code=1)
    kubeque("stop")


def make_running() -> None:
    """A job whose consumer is gone with a running task. Nothing may look at the queue behind this."""
    from kubeque import Client, Sweep

    (DESK / "wait-62").touch()
    with Client() as client:
        table = client.rows(str(DESK / rows("running", 60, 61, 62, 63, 64, 65)[-1]))
        sweep = Sweep(PROGRAM, table, name="running", base=DESK, consumers=1, lease_seconds=5.0)
        client.submit(sweep)
        client.take("running", f"{waiter('running')}#1")
        until("row 2 of running", lambda: ran("running 2") and client.status("running").counts.ok == 2)
        kill_consumers()
    for path in DESK.glob("wait-*"):
        path.unlink()


def make_fetched() -> None:
    """Folders of fetched results: some rows of `closed`, and all of `nightly-2`."""
    kubeque("fetch", "closed", "fetched-closed", "--index", "0,1")
    kubeque("fetch", "nightly-2", "fetched-nightly-2")


def jobspec() -> Any:
    """A jobspec with a value of each kind."""
    words = (
        "-n", "spec", "--grid", "n=1..3", "--env", "MODE=old", "--results", "deep/*", "--memory", "200Mi", "--cpu",
        "500m", "--timeout", "5m", "--retries", "lost=5,oom=0", "--allow-failed", "10%", "--priority", "2", "--series",
        "specs", "--results-ttl", "30d", "--max-failures", "3",
    )  # fmt: skip
    return json.loads(kubeque("sub", "--dry-run", *words, *PROGRAM))


# ------------------------------------------------------------------ words and Airflow: imports of this version
def waiter(job: str) -> str:
    """The name of the Airflow task that waits for a job."""
    return f"sweeps/manual__2026-01-01/wait-{job}/-1"


def queue_url() -> str:
    return f"sqlite:///{HOME}/queue.db"


def pod_words() -> dict[str, list[str]]:
    """The words of the containers of the two manifests."""
    from kubeque.client import Client
    from kubeque.clusters.kubernetes.manifests.job_manifest import kubernetes_job
    from kubeque.clusters.kubernetes.manifests.keeper_manifest import keeper_job
    from kubeque.clusters.kubernetes.manifests.pod_manifest import ManifestContext

    with Client() as client:
        job = client.job("closed")
        spec = client.details("closed").spec
    job = replace(job, fleet=POD_FLEET)
    spec = replace(spec, cluster="kubernetes://kind/default", image="python:3.12")
    around = ManifestContext("default", "kubeque-consumer:0.1.0", queue_url(), "mark")
    consumer = kubernetes_job(job, spec, around, shape=0, generation=1, count=1)["spec"]["template"]["spec"]
    keeper = keeper_job(job, spec, around, generation=1, count=1)["spec"]["template"]["spec"]
    return {
        "pod consumer": consumer["containers"][0]["command"],
        "pod install": consumer["initContainers"][0]["command"],
        "pod keeper": keeper["containers"][0]["command"],
    }


def local_words() -> dict[str, list[str]]:
    """The words with which a consumer, and what closes jobs behind it, start on this machine."""
    from kubeque.clusters.local import LocalCluster, fleet_name
    from kubeque.consumer import __main__ as consumer
    from kubeque.queues.open import open_queue

    queue = open_queue(queue_url())
    with started() as words:
        LocalCluster(HOME, queue_url())._launch(0)
        kubeque("stop")
        queue.update("closed", lambda job: replace(job, closing=None))
        consumer._have_closed(queue, argparse.Namespace(fleet=fleet_name(HOME), home=HOME))
        until("the end of the job", lambda: queue.job("closed").closing)
    queue.close()
    words = [found for found in words if "kubeque.cli" not in found[0]]
    return {"local consumer": words[0][0], "closing": words[1][0]}


def replay_words() -> tuple[list[str], Any]:
    """The words of a replay, and the order that it reads from standard input."""
    from kubeque.client import Client

    with Client() as client, started() as words:
        client.replay("closed", 0, DESK / "replayed", echo=False)
    return words[0][0], json.loads(words[0][1])


@contextmanager
def started() -> Iterator[list[tuple[list[str], str]]]:
    """The words of each process of ours that is started meanwhile, with what it is given to read."""
    found: list[tuple[list[str], str]] = []

    class Started(subprocess.Popen[Any]):
        def __init__(self, words: list[str], **more: Any) -> None:
            found.append((["python", *words[1:]], ""))
            super().__init__(words, **more)

        def communicate(self, input: Any = None, timeout: float | None = None) -> Any:
            found[-1] = (found[-1][0], input)
            return super().communicate(input, timeout)

    with mock.patch.object(subprocess, "Popen", Started):
        yield found


def triggers() -> dict[str, Any]:
    """Triggers as Airflow's database has them: for a job that runs, one that has ended, and one that ends too late."""
    from kubeque_provider.triggers.sweep import KubequeSweepTrigger

    def trigger(job: str, **more: Any) -> Any:
        task = {"dag_id": "sweeps", "run_id": "manual__2026-01-01", "task_id": f"wait-{job}"}
        made = KubequeSweepTrigger(job_id=job, kubeque_conn_id="kubeque_default", poke_interval=0.2, **task, **more)
        return json.loads(json.dumps(made.serialize()))

    return {
        "running": trigger("running"),
        "closed": trigger("closed", arrival={"orphan_after": None, "retries": {"lost": 5}}),
        "held": trigger("held", deadline=1_700_000_000.0, limit="timeout"),
    }


def pointer() -> Any:
    """Return the result of a submit operator, as XCom stores it."""
    from kubeque_provider.hooks.kubeque import KubequeHook

    hook = KubequeHook("kubeque_default")
    found = hook.pointer(hook.get_conn().status("nightly-2"))
    hook.close()
    return found


def names() -> dict[str, str]:
    """Return the names that an Airflow task gives to its job and series. A later try finds the job by these names."""
    from kubeque_provider.naming import make_job_id, make_series

    airflow = "https://airflow.example"
    return {
        "job": make_job_id(airflow, "sweeps", "manual__2026-01-01", "submit"),
        "mapped job": make_job_id(airflow, "sweeps", "manual__2026-01-01", "mapped", 3),
        "series": make_series(airflow, "sweeps", "submit"),
    }


def serialized_dag() -> Any:
    """The DAG as Airflow's database has it."""
    import runpy

    from airflow.serialization.serialized_objects import DagSerialization

    DAGS.mkdir()
    (DAGS / "sweeps.py").write_text(DAG)
    return DagSerialization.to_dict(runpy.run_path(str(DAGS / "sweeps.py"))["dag"])


# ------------------------------------------------------------------ what is kept
def write_archive(target: Path) -> dict[str, int]:
    """Write the desk and the home folder to an archive; the times of change (ns) of the fetched files."""
    for path in HOME.glob("*.db"):
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode=DELETE")
    times: dict[str, int] = {}
    with tarfile.open(target, "w:xz", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted([DESK, HOME, *DESK.rglob("*"), *HOME.rglob("*")]):
            name = str(path.relative_to(ROOT))
            if "replay" in name or name.startswith("desk/airflow"):
                continue
            entry = archive.gettarinfo(path, name)
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            archive.addfile(entry, io.BytesIO(path.read_bytes()) if path.is_file() else None)
            if name.startswith("desk/fetched") and path.is_file():
                times[name] = path.stat().st_mtime_ns
    return times


def meta(times: dict[str, int]) -> dict[str, Any]:
    """Return the values that tests must replace: those that name this folder, machine or boot."""
    from kubeque import __version__

    fleet = {
        line for (line,) in sqlite3.connect(HOME / "queue.db").execute("SELECT DISTINCT fleet FROM kubeque_job") if line
    }
    marks = {json.loads(path.read_text())["queue"] for path in HOME.glob("results/*/*/job.json")}
    (owner,) = {slot["owner"] for slot in slots() if slot}
    return {
        "version": __version__, "root": str(ROOT), "fleet": one(fleet), "queue_mark": one(marks),
        "machine": owner.split(":")[1], "times": times,
    }  # fmt: skip


def one(values: set[str]) -> str:
    (value,) = values
    return value


def main() -> None:
    """Make a data set."""
    target = DATA / sys.argv[1]
    if target.exists():
        sys.exit(f"{target} is there: a data set is never written again, so choose another name")
    shutil.rmtree(ROOT, ignore_errors=True)
    DESK.mkdir(parents=True)
    os.environ.clear()
    os.environ |= ENVIRONMENT | {
        "AIRFLOW_HOME": str(DESK / "airflow"), "AIRFLOW_CONN_KUBEQUE_DEFAULT": "kubeque://",
        "KUBEQUE_QUEUE_URL": queue_url(),
    }  # fmt: skip
    os.chdir(DESK)
    for name, text in {"row.sh": ROW, "hungry.sh": HUNGRY, "ran.txt": ""}.items():
        (DESK / name).write_text(text)
    make_ended()
    make_stopped()
    make_fetched()
    order_words, order = replay_words()
    texts = {
        "jobspec": jobspec(), "words": {**pod_words(), **local_words(), "replay": order_words}, "replay": order,
        "triggers": triggers(), "pointer": pointer(), "dag": serialized_dag(), "names": names(),
    }  # fmt: skip
    kubeque("stop")
    make_running()
    target.mkdir(parents=True)
    texts["meta"] = meta(write_archive(target / "files.tar.xz"))
    for name, value in texts.items():
        (target / f"{name}.json").write_text(json.dumps(value, indent=1, sort_keys=name != "jobspec") + "\n")
    shutil.rmtree(ROOT)


if __name__ == "__main__":
    main()
