"""Airflow parses a DAG file every few seconds, so parsing imports nothing heavy besides Airflow itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MODULES = sorted(
    f"kubeque_provider.{folder}.{path.stem}"
    for folder in ("operators", "sensors", "triggers", "decorators", "hooks", "links")
    for path in (Path(__file__).parents[2] / "kubeque_provider" / folder).glob("*.py")
    if path.stem != "__init__"
)
HEAVY = ("kubernetes", "kubernetes_asyncio", "pandas", "numpy", "pyarrow", "google.cloud", "gcsfs", "s3fs", "psycopg")


def imported(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.timeout(120)
def test_nothing_heavy_is_imported_beyond_airflow_itself() -> None:
    assert "kubeque_provider.operators.submit" in MODULES
    before = imported("import airflow.providers.common.compat.sdk as sdk; sdk.BaseOperator, sdk.BaseHook, sdk.DAG")
    after = imported("\n".join(f"import {module}" for module in MODULES))
    assert set(MODULES) <= after
    assert [name for name in sorted(after - before) if name.startswith(HEAVY)] == []
