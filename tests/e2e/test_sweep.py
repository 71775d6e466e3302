"""The sample sweep in pods, and images of all kinds."""

from __future__ import annotations

import csv
import shutil

from tests.e2e.conftest import BUSYBOX, DEBIAN, OTHERS, SAMPLE, Desk, until


def test_the_sample_sweep_runs_in_pods(desk: Desk) -> None:
    shutil.copytree(SAMPLE, desk.folder, dirs_exist_ok=True)
    done = desk.sub(
        "-n",
        "mandelbrot",
        "--params",
        "params.csv",
        "--consumers",
        "3",
        "--cpu",
        "100m",
        "--memory",
        "256Mi",
        "--fetch",
        "results",
        "python3",
        "^mandelbrot.py",
        "{x_scale}",
        "{y_scale}",
        "{zoom}",
        image=DEBIAN,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    with open(desk.folder / "results" / "results.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7
    assert {row["state"] for row in rows} == {"ok"}
    assert all(int(row["peak_memory"]) > 1_000_000 for row in rows)
    assert all((desk.folder / "results" / row["index"] / "mandelbrot.png").stat().st_size > 10_000 for row in rows)
    until("nothing left in the cluster", lambda: not desk.objects("jobs", "mandelbrot"))
    until("no pod left", lambda: not desk.objects("pods", "mandelbrot"))
    assert not desk.objects("secrets", "mandelbrot")


def test_an_image_needs_nothing_and_keeps_what_it_has(desk: Desk) -> None:
    """No libc, another user, a read-only root, an entrypoint, another Python: nothing of ours is to be seen."""
    locked = {"containers": [{"name": "task", "securityContext": {"readOnlyRootFilesystem": True}}]}
    show = "id -u; env; touch /x 2>/dev/null || echo read-only; touch here && echo written"
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
    assert python.split() == ["/usr", "0"]
    for seen in (bare, others):
        names = {line.partition("=")[0] for line in seen.splitlines() if "=" in line}
        assert not {name for name in names if name.startswith(("LD_", "PYTHON", "SSL_"))}
        assert {name for name in names if name.startswith("KUBEQUE_")} == {
            "KUBEQUE_JOB_ID", "KUBEQUE_TASK_INDEX", "KUBEQUE_ATTEMPT", "KUBEQUE_OUT",
        }  # fmt: skip
