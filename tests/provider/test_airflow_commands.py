"""The output of Airflow's own commands about the provider, and about a connection of its type."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.servers.process import free_port

pytestmark = pytest.mark.rotating

#: One process for all of them: each takes Airflow seconds to start.
_COMMANDS = """
import sys
from airflow.cli import cli_parser
for line in sys.argv[1:]:
    print(f"$ {line}", flush=True)
    args = cli_parser.get_parser().parse_args(line.split())
    try:
        args.func(args)
    except SystemExit as end:
        print(f"exit {end.code}", flush=True)
"""


def airflow(*lines: str, **environ: str) -> dict[str, str]:
    """Return the output of each command."""
    ran = subprocess.run(
        [sys.executable, "-c", _COMMANDS, *lines],
        env={**os.environ, "AIRFLOW__CORE__TEST_CONNECTION": "Enabled", "COLUMNS": "300", **environ},
        capture_output=True, text=True, check=False, timeout=220,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    pieces = ran.stdout.split("$ ")[1:]
    return {line: piece.partition("\n")[2] for line, piece in zip(lines, pieces, strict=True)}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The output of all commands of this module."""
    folder = tmp_path_factory.mktemp("commands")

    def connection(**extra: str) -> str:
        return json.dumps({"conn_type": "kubeque", "extra": {"default_url_prefix": f"{folder}/results", **extra}})

    nobody = f"postgresql://me:hunter2@127.0.0.1:{free_port()}/q"
    return airflow(
        "providers get kubeque --full -o json", "providers hooks -o plain", "providers links -o plain",
        "connections test good", "connections test wrong", "connections test nobody",
        AIRFLOW_CONN_GOOD=connection(queue_url=f"sqlite:///{folder}/q.db"),
        AIRFLOW_CONN_WRONG=connection(queue_uri="x"), AIRFLOW_CONN_NOBODY=connection(queue_url=nobody),
    )  # fmt: skip


@pytest.mark.timeout(240)
def test_airflow_lists_the_provider_with_its_hook_and_its_links(said: dict[str, str]) -> None:
    assert "KubequeHook" in said["providers get kubeque --full -o json"]
    (hook,) = [line for line in said["providers hooks -o plain"].splitlines() if line.startswith("kubeque ")]
    assert "kubeque_provider.hooks.kubeque.KubequeHook" in hook
    links = said["providers links -o plain"]
    for name in ("KubequePageLink", "KubequeResultsLink", "KubequeReportLink"):
        assert f"kubeque_provider.links.sweep.{name}" in links


@pytest.mark.timeout(240)
def test_a_connection_is_tested_by_asking_queue_and_store(said: dict[str, str]) -> None:
    assert "Connection success" in said["connections test good"]
    assert "unknown key 'queue_uri': did you mean 'queue_url'?" in said["connections test wrong"]
    assert "Connection failed" in said["connections test nobody"]
    assert "hunter2" not in str(said)
