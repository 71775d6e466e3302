"""Holds an Airflow task at a point of its submission, once, while a file `stop-POINT` is in its run's folder.

It says where it is by a file `at-POINT`, with the number of its process, also where nothing holds it.
"""

import functools
import os
import time
from pathlib import Path

import kubeque.jobs.submission.submit
from kubeque_provider.hooks.kubeque import KubequeHook

RUNS = Path(os.environ["KILL_MATRIX_RUNS"])
#: In order: before anything; rows are stored, the job is not; the job exists, consumers do not; submitted, but not
#: yet reported; while waiting.
POINTS = {
    "begin": (KubequeHook, "submit"),
    "rows": (kubeque.jobs.submission.submit, "make_blocks"),
    "created": (kubeque.jobs.submission.submit, "reconcile"),
    "submitted": (KubequeHook, "push_links"),
    "waiting": (KubequeHook, "poll"),
}


def _stop(point: str) -> None:
    run = os.environ.get("AIRFLOW_CTX_DAG_RUN_ID", "")
    here, hold = RUNS / run / f"at-{point}", RUNS / run / f"stop-{point}"
    if not run or not here.parent.is_dir() or here.exists():
        return
    (RUNS / run / f"near-{point}").write_text(str(os.getpid()))
    (RUNS / run / f"near-{point}").rename(here)
    while hold.exists():
        time.sleep(0.1)


def _held(point: str, function):
    @functools.wraps(function)
    def held(*args, **kwargs):
        _stop(point)
        return function(*args, **kwargs)

    held.holds = True
    return held


for point, (owner, name) in POINTS.items():
    function = getattr(owner, name)
    if not hasattr(function, "holds"):
        setattr(owner, name, _held(point, function))
