"""The page of a running sweep, in a browser, inside the frame of Airflow's own page."""

# ruff: noqa: F811
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow import __version__

from kubeque.client import Client
from kubeque.model.rows.grid import grid
from kubeque.model.sweep.sweep import Sweep
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.naming import make_origin
from kubeque_provider.page.connections import forget_page_connections
from tests.provider.test_page import address, backends, browser  # noqa: F401
from tests.servers.browser import Browser
from tests.servers.tab import Tab

pytestmark = [
    pytest.mark.skipif(not __version__.startswith("3.3"), reason="what a browser makes of it is the same everywhere"),
    pytest.mark.timeout(300),
]
#: Trains nothing: the first rows end at once, the others once they may; one pair of parameters never works.
SCRIPT = """#!/bin/sh
echo "epoch 1 of 5: lr $1, batch $2"
[ "$3" -lt 24 ] || until test -e GO; do sleep 0.2; done
[ "$1 $2" != "0.1 256" ] || { echo "loss is not a number" >&2; exit 3; }
echo "{\\"loss\\": 0.$2$3}" > "$KUBEQUE_OUT"
"""
#: In the frame.
INSIDE = "document.querySelector('iframe').contentDocument"
FIRST = "querySelector('.link')"


@pytest.fixture
def running(tmp_path: Path, address: str) -> Iterator[Client]:
    """A sweep with rows that run until the file `go` exists."""
    script = tmp_path / "train.sh"
    script.write_text(SCRIPT.replace("GO", str(tmp_path / "go")))
    script.chmod(0o755)
    forget_page_connections()
    rows = grid(seed=[1, 2, 3, 4], lr=["0.1", "0.01", "0.001"], batch=[16, 32, 64, 128, 256])
    origin = make_origin(KubequeHook().deployment, "nightly", "scheduled__2026-11-25", "train")
    with Client() as client:
        client.submit(
            Sweep(
                command=["^train.sh", "{lr}", "{batch}", "{index}"], name="nightly-train", rows=rows, base=tmp_path,
                consumers=2, origin=origin,
            )
        )  # fmt: skip
        yield client


@pytest.mark.rotating
def test_it_follows_a_sweep_to_its_end_inside_airflow(
    running: Client,
    address: str,
    browser: Browser,
    tmp_path: Path,
) -> None:
    with Tab.open(browser, height=1000) as tab:
        # Given Airflow's menu entry, whose frame is a sandbox, and in it the list of sweeps
        tab.go(f"{address.removesuffix('/kubeque')}/plugin/kubeque-sweeps")
        tab.until("!!document.querySelector('iframe')")
        assert "allow-scripts" in tab.says("document.querySelector('iframe').sandbox.value")
        tab.until(f"{INSIDE}.querySelector('tbody a')?.innerText === 'train'")

        # When somebody opens a running one and a task of it, then what the task writes is there before it ends
        tab.says(f"{INSIDE}.querySelector('tbody a').click()")
        tab.until(f"/22 ok/.test({INSIDE}.querySelector('.keys')?.innerText)")
        tab.until(f"/loss is not a number|exit code 3/.test({INSIDE}.body.innerText)")
        running_row = f"[...{INSIDE}.querySelectorAll('#tasks tr')].find(r => /running/i.test(r.innerText))"
        tab.until(f"!!{running_row}")
        tab.says(f"{running_row}.{FIRST}.click()")
        tab.until(f"/^epoch 1 of 5: lr/.test({INSIDE}.querySelector('#log')?.innerText)")
        tab.says(f"{INSIDE}.querySelector('dialog [autofocus]').click()")

        # And it follows Airflow's choice of dark or light, against the system's
        tab.dark(False)
        tab.says("document.documentElement.classList.remove('light'); document.documentElement.classList.add('dark')")
        tab.until(f"getComputedStyle({INSIDE}.documentElement).colorScheme === 'dark'")
        dark = tab.says(f"getComputedStyle({INSIDE}.body).color")
        tab.says("document.documentElement.classList.remove('dark'); document.documentElement.classList.add('light')")
        tab.until(f"getComputedStyle({INSIDE}.documentElement).colorScheme === 'light'")
        assert tab.says(f"getComputedStyle({INSIDE}.body).color") != dark

        # And without being loaded again it comes to the end
        tab.says(f"{INSIDE}.body.dataset.same = 'yes'")
        (tmp_path / "go").touch()
        running.wait("nightly-train", timeout=100)
        tab.until(f"/failed/i.test({INSIDE}.querySelector('.verdict').innerText)")
        tab.until(f"/60 of 60 rows have ended, in/.test({INSIDE}.querySelector('.verdict').innerText)")
        assert tab.says(f"{INSIDE}.body.dataset.same") == "yes"
        assert tab.says(f"{INSIDE}.querySelector('#problem').hidden")
