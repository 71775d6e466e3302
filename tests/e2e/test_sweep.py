"""The sample sweep in pods, from the command line, from a DAG and from macOS; images of all kinds."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.conftest import BUSYBOX, DEBIAN, OTHERS, REPOSITORY, SAMPLE, Desk
from tests.macos.interpreter import HERE, python_environ, python_words

#: In a process of its own, whose environment is its Airflow's configuration. A usual exit of it takes seconds.
RUN_DAG = """
import os, sys
from airflow.utils.db import initdb
initdb()
from sweep_in_pods import dag
state = dag.test().state
sys.stdout.flush()
os._exit(0 if state == "success" else 1)
"""
#: Commands of a user on macOS: words, exit code, and a part of the output.
ANSWERS = [
    ("watch job", 0, "success: 2 ok of 2"),
    ("list", 0, "job  success"),
    ("status job --tasks", 0, "ok"),
    ("show job 1", 0, "ok"),
    ("peek job 1", 0, "row 1"),
    ("fetch job out", 0, "out: 2 tasks"),
    ("report job -o page.html", 0, "page.html"),
    ("timeline job -o lanes.html", 0, "lanes.html"),
    ("collect job -o table.csv", 0, "table.csv: 2 rows"),
    ("doctor --cluster", 0, ""),
]


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return Airflow's home folder, which all DAGs of this module share."""
    return tmp_path_factory.mktemp("airflow")


def test_the_sample_sweep_runs_in_pods_from_the_command_line_and_from_a_dag(any_desk: Desk, airflow_home: Path) -> None:
    """Both at once, on one queue."""
    shutil.copytree(SAMPLE, any_desk.folder, dirs_exist_ok=True)
    with ThreadPoolExecutor(1) as side:
        of_dag = side.submit(run_dag, any_desk, airflow_home)
        done = any_desk.sub(
            "-n", "mandelbrot", "--params", "params.csv", "--consumers", "3", "--cpu", "100m", "--memory", "256Mi",
            "--fetch", "results", "python3", "^mandelbrot.py", "{x_scale}", "{y_scale}", "{zoom}", image=DEBIAN,
        )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    said = of_dag.result().stdout + of_dag.result().stderr
    assert of_dag.result().returncode == 0, said
    assert "KubequeSweepTrigger" in said  # the sensor has waited in a triggerer
    came_back(any_desk.folder / "results")
    came_back(any_desk.folder / "results_of_dag")
    any_desk.leaves_nothing()
    assert not any_desk.objects("secrets")


def run_dag(desk: Desk, airflow_home: Path) -> subprocess.CompletedProcess[str]:
    """Run the DAG in Airflow beside the sample's files; return the output."""
    dags = desk.folder / "dags"
    for source in (SAMPLE, Path(__file__).parent / "dags"):
        shutil.copytree(source, dags, dirs_exist_ok=True)
    (dags / "pod.yaml").write_text(json.dumps(desk.template({})))
    connection = {key: value for key, value in desk.config.items() if key != "cluster_url"}  # that is the DAG's to say
    env = {
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home}/airflow.db",
        "AIRFLOW_CONN_KUBEQUE_DEFAULT": json.dumps({"conn_type": "kubeque", "extra": connection}),
        "PYTHONPATH": f"{dags}:{REPOSITORY}",
        "SWEEP_IMAGE": DEBIAN,
    }
    return desk.execute(sys.executable, "-c", RUN_DAG, env=env)


def came_back(results: Path) -> None:
    """Check that all rows of the sample were fetched, with their pictures."""
    with open(results / "results.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7
    assert {row["state"] for row in rows} == {"ok"}
    assert all(int(row["peak_memory"]) > 1_000_000 for row in rows)
    assert all((results / row["index"] / "mandelbrot.png").stat().st_size > 10_000 for row in rows)


def test_an_image_needs_nothing_and_keeps_what_it_has(desk: Desk) -> None:
    """No libc, another user, a read-only root, an entrypoint, another Python: nothing of ours is to be seen, not even
    in the environment of the consumer, which has the password of the queue."""
    locked = {"containers": [{"name": "task", "securityContext": {"readOnlyRootFilesystem": True}}]}
    show = "id -u; env; touch /x 2>/dev/null || echo read-only; touch here && echo written"
    find_parent = 'p=$(busybox sed -n "s/^PPid:[^0-9]*//p" /proc/$p/status); echo parent=$p'
    list_variables = 'busybox tr "\\0" "\\n" < /proc/$p/environ'
    show += f'; p=$$; while [ "$p" -gt 0 ]; do {list_variables}; {find_parent}; done 2>/dev/null'
    for name, image, template in (("bare", BUSYBOX, {}), ("others", OTHERS, locked)):
        done = desk.sub("-n", name, "--fetch", name, "/bin/sh", "-c", show, image=image, template=template)
        assert done.returncode == 0, done.stdout + done.stderr
    done = desk.sub(
        "-n", "python", "--fetch", "python", "python3", "-c", "import sys; print(sys.prefix, sys.flags.isolated)",
        image=DEBIAN,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr

    bare, others, python = ((desk.folder / n / "0" / "stdout.txt").read_text() for n in ("bare", "others", "python"))
    assert bare.splitlines()[0] == "0"
    assert others.splitlines()[0] == "1234"
    assert "read-only" in others
    assert "written" in bare
    assert "written" in others
    assert "parent=0" in bare
    assert "parent=0" in others
    assert python.split() == ["/usr", "0"]
    for seen in (bare, others):
        names = {line.partition("=")[0] for line in seen.splitlines() if "=" in line}
        # Every program gets this one variable, and none of the interpreter of the consumer.
        assert {name for name in names if name.startswith(("LD_", "PYTHON", "SSL_"))} == {"PYTHONUNBUFFERED"}
        assert {name for name in names if name.startswith("KUBEQUE_")} == {
            "KUBEQUE_JOB_ID", "KUBEQUE_TASK_INDEX", "KUBEQUE_ATTEMPT", "KUBEQUE_OUT",
        }  # fmt: skip


def consumers(desk: Desk, job: str) -> list[str]:
    """Return the names of the pods of a job that run tasks; the keeper stays while a job is paused."""
    pods = [pod["metadata"] for pod in desk.objects("pods", job)]
    return [pod["name"] for pod in pods if pod["labels"]["kubeque/class"] != "keeper"]


@pytest.mark.usefixtures("keepers")
def test_pause_makes_the_pods_leave_and_resume_brings_them_back(desk: Desk) -> None:
    done = desk.sub("-n", "paused", "--no-wait", "--consumers", "2", "--memory", "64Mi", "--repeat", "60",
                    "/bin/sh", "-c", "sleep 4")  # fmt: skip
    assert done.returncode == 0, done.stderr
    desk.until("two running tasks", lambda: desk.status("paused")["counts"]["running"] >= 2)
    assert desk.run("pause", "paused").returncode == 0
    desk.until("no consumers", lambda: not consumers(desk, "paused"))

    left = desk.status("paused")
    assert (left["state"], left["counts"]["running"], left["counts"]["pending"] > 0) == ("paused", 0, True)
    for words in (["list"], ["show", "paused"], ["fetch", "paused", "early"]):
        assert desk.run(*words).returncode == 0
    assert not consumers(desk, "paused")

    assert desk.run("resume", "paused").returncode == 0
    desk.until("more ok tasks", lambda: desk.status("paused")["counts"]["ok"] > left["counts"]["ok"])
    assert desk.run("kill", "paused").returncode == 0
    desk.leaves_nothing("paused")


def test_a_sidecar_that_never_ends_does_not_keep_the_pod(desk: Desk) -> None:
    template = {"containers": [{"name": "proxy", "image": BUSYBOX, "command": ["/bin/sh", "-c", "exec sleep 100000"]}]}
    done = desk.sub("-n", "beside", "--no-wait", "--keeper", "no", "--consumers", "1", "--memory", "32Mi", "--repeat",
                    "2", "/bin/sh", "-c", "true", template=template)  # fmt: skip
    assert done.returncode == 0, done.stderr

    def phases() -> list[str]:
        return [pod["status"].get("phase", "") for pod in desk.objects("pods", "beside")]

    desk.until("the end of the pod, while nobody looks at the sweep", lambda: phases() == ["Succeeded"])
    assert desk.status("beside")["state"] == "success"
    desk.leaves_nothing("beside")


def test_the_client_on_macos_submits_to_the_cluster_watches_and_fetches(desk: Desk) -> None:
    template = desk.folder / "pod.yaml"
    template.write_text(json.dumps(desk.template({})))
    submission = (
        f"sub -n job --no-wait --image {BUSYBOX} --pod-template pod.yaml"
        f" --env STORAGE_EMULATOR_HOST={desk.store.url} --grid x=0..1"
    ).split()
    command = ["sh", "-c", "echo row $0 | tee kept", "{x}"]

    commands = [[*submission, "--", *command], *(words.split() for words, *_ in ANSWERS)]
    (desk.folder / "commands.json").write_text(json.dumps(commands))
    done = desk.execute(*python_words(), str(HERE / "commands.py"), "commands.json", env=python_environ())

    assert done.returncode == 0, done.stderr
    (code, output), *answers = json.loads(done.stdout)
    assert (code, "job: 2 tasks submitted" in output) == (0, True), output
    for (words, expected, part), (found, output) in zip(ANSWERS, answers, strict=True):
        assert found == expected, (words, output)
        assert part in output, words
    assert (desk.folder / "out" / "1" / "kept").read_text() == "row 1\n"
    assert (desk.folder / "table.csv").read_text().splitlines()[1].startswith("0,")
    desk.leaves_nothing("job")
