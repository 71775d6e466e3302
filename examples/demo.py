#!/usr/bin/env python3
"""The demo: the sample sweep through a real Airflow on this machine, its table, and one picture of all results.

All of its files are in `.demo/` in the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".demo"
RESULTS = DEMO / "results"
LOG = DEMO / "airflow.log"
PICTURE = DEMO / "mandelbrot.png"
DAG = "mandelbrot_sweep"
#: Separate home folders for Airflow and kubeque; they override the variables of the shell.
HOMES = {
    "AIRFLOW_HOME": str(DEMO / "airflow"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{DEMO}/airflow/airflow.db",
    "KUBEQUE_HOME": str(DEMO / "kubeque"),
    "MANDELBROT_RESULTS": str(RESULTS),
}
#: In a separate process, because Airflow always writes to the screen; in one process, because its import takes 3 s.
AIRFLOW = f"""
import sys
from airflow.utils.db import initdb
initdb()
print("ready", file=sys.stderr, flush=True)
from example_dags.{DAG} import submit
run = submit.dag.test()
sys.exit(0 if run.state == "success" else 1)
"""

NEXT = """
Look at .demo/mandelbrot.png; the results of each task are in .demo/results, the output of Airflow in .demo/airflow.log.
What to type next:

  export KUBEQUE_HOME="$PWD/.demo/kubeque" PATH="$PWD/{bin}:$PATH"
  kubeque status
  kubeque status {job} --tasks
  cd examples/sample-job
  kubeque sub -n views --fetch views --params params.csv python3 '^mandelbrot.py' '{{x_scale}}' '{{y_scale}}' '{{zoom}}'
"""


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print a step and its duration."""
    began = time.monotonic()
    print(f"== {what} ...", end="", flush=True)
    yield
    print(f" {time.monotonic() - began:.1f} s", flush=True)


def run_airflow() -> int:
    """Create Airflow's database, run the DAG, and return its exit code. The log gets the output of Airflow."""
    with open(LOG, "w", encoding="utf-8") as log:
        environ = {**os.environ, **HOMES, "PYTHONPATH": str(ROOT)}
        return subprocess.run([sys.executable, "-c", AIRFLOW], stdout=log, stderr=log, cwd=DEMO, env=environ).returncode


def show_table(records: list[dict[str, Any]]) -> None:
    """Print the results table of a job."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in records[0]:
        table.add_column(column)
    for record in records:
        table.add_row(*("" if value is None else str(value) for value in record.values()))
    console = Console(markup=False, highlight=False)
    console.width = max(console.width, 140)
    console.print(table)


def draw(records: list[dict[str, Any]]) -> None:
    """Tile the fetched pictures."""
    folder = next(RESULTS.iterdir())
    pictures = [folder / str(record["index"]) / "mandelbrot.png" for record in records]
    captions = [f"ZOOM {record['zoom']}" for record in records]
    sheet = ROOT / "examples" / "contact_sheet.py"
    subprocess.run(
        [sys.executable, sheet, PICTURE, *pictures, "--captions", *captions], check=True, stdout=subprocess.DEVNULL
    )


def newest_job() -> tuple[str, list[dict[str, Any]]]:
    """Return the job of the run, and its table."""
    from kubeque.client import Client

    with Client() as client:
        name = client.jobs()[-1].name
        return name, client.table(name)


def main() -> int:
    """Run the demo; return 0 if the sweep is a success."""
    os.environ.update(HOMES)
    DEMO.mkdir(exist_ok=True)
    os.chdir(DEMO)
    sys.path.insert(0, str(ROOT))
    shutil.rmtree(RESULTS, ignore_errors=True)
    with step(f"Airflow runs example_dags/{DAG}.py: submit >> wait >> fetch"):
        code = run_airflow()
    if code:
        print(f"the DAG has failed; the last lines of {LOG.relative_to(ROOT)}:")
        print("\n".join(LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]))
        return 1
    job, records = newest_job()
    with step(f"a picture of the {len(records)} pictures"):
        draw(records)
    print(f"\nThe job {job}:\n")
    show_table(records)
    print(NEXT.format(bin=Path(sys.executable).parent.relative_to(ROOT), job=job))
    return 0


if __name__ == "__main__":
    sys.exit(main())
