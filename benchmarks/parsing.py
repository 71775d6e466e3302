"""Compare the CPU time for parsing two DAG files: one with 20 sweeps, one with 20 operators without checks.

Each measurement runs in a new process that has imported Airflow. The time of the first pass includes the imports of the
provider. The time of the second pass does not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

#: Number of operators in a DAG file.
_OPERATORS = 20
_PLAIN = """\
from airflow.providers.common.compat.sdk import BaseOperator


class Operator(BaseOperator):
    template_fields = ("command",)

    def __init__(self, *, command, parameters, **kwargs):
        super().__init__(**kwargs)
        self.command = command
        self.parameters = parameters


"""
_SWEEP = "from kubeque_provider.operators.submit import KubequeSubmitOperator as Operator\n\n\n"
_DAG = """\
import datetime

from airflow.providers.common.compat.sdk import DAG

ROWS = [{{"x": n, "lr": n / 2, "name": f"row {{n}}"}} for n in range({rows})]

with DAG("parsed", schedule=None, start_date=datetime.datetime(2026, 1, 1)):
    for n in range({operators}):
        Operator(task_id=f"sweep_{{n}}", command=["/bin/echo", "{{x}}", "{{{{ ds }}}}"], parameters=ROWS)
"""
_MEASURE = """\
import json, runpy, sys, time

import airflow.providers.common.compat.sdk as sdk
sdk.BaseOperator, sdk.DAG
spent = []
for _ in range(2):
    began = time.thread_time()
    runpy.run_path(sys.argv[1])
    spent.append(time.thread_time() - began)
print(json.dumps(spent))
"""


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, nargs="*", default=[10, 100_000], help="literal rows (10 100000)")
    given = parser.parse_args()
    print("rows     operators  first s  again s  beyond Airflow: first s  again s")
    for rows in given.rows:
        plain, sweep = measure(_PLAIN, rows), measure(_SWEEP, rows)
        for name, spent in (("plain", plain), ("sweeps", sweep)):
            beyond = f"{spent[0] - plain[0]:23.3f}  {spent[1] - plain[1]:7.3f}" if spent is sweep else ""
            print(f"{rows:<8} {name:9}  {spent[0]:7.3f}  {spent[1]:7.3f}  {beyond}")


def measure(head: str, rows: int) -> list[float]:
    """Return the CPU seconds of two passes over a DAG file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "parsed.py")
        path.write_text(head + _DAG.format(rows=rows, operators=_OPERATORS))
        environ = {**os.environ, "AIRFLOW_HOME": folder}
        ran = subprocess.run(
            [sys.executable, "-c", _MEASURE, str(path)], env=environ, capture_output=True, text=True, check=True
        )
    found: list[float] = json.loads(ran.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
