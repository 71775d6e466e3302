"""The page of sweeps in Airflow's own page: nothing is cut off in two sizes and both themes.

    KUBEQUE_PICTURES=docs/images/page python -m pytest tests/provider/test_page_pictures.py -m rotating

draws the pictures of docs/howto/pictures.md again.
"""

# ruff: noqa: F811
from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__

from kubeque.client import Client
from kubeque.jobs.backends import Backends
from kubeque.model.job.causes import Cause
from kubeque.model.rows.grid import grid
from kubeque.model.sweep.sweep import Sweep
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.naming import make_origin
from tests.jobs.sweeps import Ended, ended_job
from tests.provider.test_page import address, backends, browser  # noqa: F401
from tests.provider.test_page_look import INSIDE, set_theme
from tests.servers.browser import Browser
from tests.servers.pictures import SIZES, THEMES, picture, set_size
from tests.servers.tab import Tab

pytestmark = [
    pytest.mark.skipif(not __version__.startswith("3.3"), reason="what a browser makes of it is the same everywhere"),
    pytest.mark.timeout(900),
    pytest.mark.rotating,
]
#: Rows of the largest sweep.
MANY = 100_000
#: The first rows end at once, the others when the file GO exists. One pair of parameters never works.
SCRIPT = """#!/bin/sh
echo "epoch 1 of 5: lr $1, batch $2"
[ "$3" -lt 24 ] || until test -e GO; do sleep 0.2; done
[ "$1 $2" != "0.1 256" ] || { echo "loss is not a number" >&2; exit 3; }
echo "{\\"loss\\": 0.$2$3}" > "$KUBEQUE_OUT"
"""


def end_fit(index: int) -> Ended:
    """Return how a row of the failed sweep ends."""
    if index % 20 == 7:
        return Ended(Cause.EXIT, 41.5, message=f"exit code 1: ValueError: the series of store {index} has no values")
    if index % 50 == 13:
        return Ended(Cause.OOM, 300, message="the program needed more than 16Gi")
    if index % 67 == 5:
        return Ended(Cause.TIMEOUT, 3600, message="the program ran for more than 1h")
    return Ended(seconds=60 + index % 17, out={"loss": round(0.9 / (index + 3), 5), "epochs": 20 + index % 7})


def end_align(index: int) -> Ended:
    """Return how a row of the largest sweep ends."""
    if index % 2731 == 1999:
        return Ended(Cause.EXIT, message=f"exit code 2: sample {index}: no reads")
    return Ended(
        seconds=2 + index % 5, out={"reads": 1_000_000 + 37 * index, "mapped": round(0.9 + index % 83 / 1000, 3)}
    )


def add_ended(
    backends: Backends, dag: str, task: str, rows: Any, how: Callable[[int], Ended], *, ago: float, index: int = -1,
    leases: int | None = None,
) -> str:  # fmt: skip
    """Add a sweep that has ended, and return its name."""
    name = f"{dag}-{task}" + (f"-{index}" if index >= 0 else "")
    job = ended_job(backends, rows, how, name=name, began=time.time() - ago, leases=leases)
    origin = make_origin(KubequeHook().deployment, dag, "scheduled__2026-11-30", task, index)
    backends.queue.update(name, lambda now: replace(now, origin=origin, url=job.url))
    if leases is None:
        with Client() as client:
            client.wait(name, timeout=300)
    return name


@pytest.fixture
def sweeps(tmp_path: Path, backends: Backends, address: str) -> Iterator[str]:
    """Ended sweeps and a running one. The value is the address of Airflow."""
    # Pictures show a sweep whose first rows have ended.
    leases = 160 if os.environ.get("KUBEQUE_PICTURES") else 4
    samples = [{"sample": f"S{n:06}"} for n in range(MANY)]
    add_ended(backends, "genomes", "align", samples, end_align, ago=90_000, leases=leases)
    fit = grid(store=list(range(1, 41)), model=["arima", "lgbm"], horizon=[7, 14, 28])
    add_ended(backends, "forecast", "fit", fit, end_fit, ago=7_000)
    for index in range(3):
        add_ended(
            backends, "render", "frames", [{"frame": n} for n in range(48)], lambda _: Ended(), ago=500, index=index
        )
    script = tmp_path / "train.sh"
    script.write_text(SCRIPT.replace("GO", str(tmp_path / "go")))
    script.chmod(0o755)
    rows = grid(seed=[1, 2, 3, 4], lr=["0.1", "0.01", "0.001"], batch=[16, 32, 64, 128, 256])
    backends.queue.kill(
        add_ended(backends, "render", "sounds", [{"n": n} for n in range(48)], end_fit, ago=400, leases=0)
    )
    with Client() as client:
        client.submit(
            Sweep(
                command=["^train.sh", "{lr}", "{batch}", "{index}"], name="nightly-train", rows=rows, base=tmp_path,
                consumers=2,
                origin=make_origin(KubequeHook().deployment, "nightly", "scheduled__2026-11-30", "train"),
            )
        )  # fmt: skip
        yield address.removesuffix("/kubeque")


#: The URL of the results is not that of a test.
_PLAIN = (
    f"{INSIDE}.querySelectorAll('code').forEach((e) =>"
    " { e.textContent = e.textContent.replace(/^.*\\/kubeque\\/results/, '/srv/kubeque/results'); })"
)


def is_complete(job: str, text: str) -> str:
    """Return an expression that is true once the page of a job shows rows and this text."""
    shown = f"{INSIDE}?.body?.innerText.includes({text!r})"
    named = f"[...{INSIDE}.querySelectorAll('.soft code')].some((e) => e.innerText === '{job}')"
    return f"{shown} && {named} && {INSIDE}.querySelectorAll('#tasks tbody tr').length > 3"


#: Name of each picture: the parameters of the address, and when the page is complete.
PAGES = {
    "list": ("view=list", f"{INSIDE}?.querySelectorAll('.sweeps tbody tr').length === 7"),
    "running": ("job=nightly-train", is_complete("nightly-train", "22 ok")),
    "row": (
        "job=nightly-train&task=4",
        f"{is_complete('nightly-train', 'Row 4')} && /not a number/.test({INSIDE}.querySelector('#log').innerText)",
    ),
    "failed": ("job=forecast-fit", is_complete("forecast-fit", "Failures")),
    "many": ("job=genomes-align", is_complete("genomes-align", "of 100,000 rows")),
    "killed": ("job=render-sounds", is_complete("render-sounds", "have ended")),
}


def test_nothing_is_cut_off(sweeps: str, browser: Browser) -> None:
    # Given sweeps that run, that have failed or killed rows, and one of 100,000 rows
    with Tab.open(browser) as tab:
        for width, height in SIZES:
            set_size(tab, width, height)
            for name, (query, ready) in PAGES.items():
                # When their pages are opened in a size and both themes
                tab.go(f"{sweeps}/plugin/kubeque-sweeps?{query}")
                tab.until(f"!!document.querySelector('iframe') && {ready}")
                tab.until("!document.body.innerText.includes('nav.')")  # Airflow's own texts
                for theme in THEMES:
                    set_theme(tab, theme)
                    tab.until(f"getComputedStyle({INSIDE}.documentElement).colorScheme === '{theme}'")
                    picture(tab, f"{name}-{width}x{height}-{theme}", _PLAIN)

                    # Then no part of a page is beside the window
                    box = f"{INSIDE}.documentElement"
                    assert tab.says(f"{box}.scrollWidth <= {box}.clientWidth"), (name, width, theme)
        verdict = tab.says(f"{INSIDE}.querySelector('.verdict').innerText")
        assert verdict.endswith("0 of 48 rows have ended; 48 rows did not finish"), verdict
