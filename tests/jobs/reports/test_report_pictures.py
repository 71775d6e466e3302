"""The report and the timeline in a browser: no part is beside the window, in two sizes and both themes.

    KUBEQUE_PICTURES=docs/images/report python -m pytest tests/jobs/reports/test_report_pictures.py -m rotating

draws the pictures of docs/howto/pictures.md again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeque.jobs.backends import Backends
from kubeque.jobs.reports.report import write_report
from kubeque.jobs.reports.timeline import write_timeline
from kubeque.jobs.upkeep.reconcile import close
from kubeque.model.job.causes import Cause
from kubeque.model.rows.grid import grid
from tests.jobs.sweeps import Ended, ended_job
from tests.servers.browser import Browser
from tests.servers.pictures import SIZES, THEMES, picture, set_size
from tests.servers.tab import Tab

#: Five consumers on each of two machines.
CONSUMERS = [f"local:{host}0b33e24c62.{slot}.{host}:{slot}:1" for host in ("anna", "bert") for slot in range(5)]
pytestmark = [pytest.mark.rotating, pytest.mark.timeout(300)]


def end_fit(index: int) -> Ended:
    """Return how a row of a sweep with failures ends."""
    if index % 20 == 7:
        return Ended(Cause.EXIT, 41.5, message=f"exit code 1: ValueError: the series of store {index} has no values")
    if index % 50 == 13:
        return Ended(Cause.OOM, 300, message="the program needed more than 16Gi")
    if index % 67 == 5:
        return Ended(Cause.TIMEOUT, 900, message="the program ran for more than 15m")
    return Ended(
        seconds=60 + index % 17, staging=8, out={"loss": round(0.9 / (index + 3), 5), "epochs": 20 + index % 7}
    )


def test_no_part_is_beside_the_window(backends: Backends, browser: Browser, tmp_path: Path) -> None:
    rows = grid(store=list(range(1, 41)), model=["arima", "lgbm"], horizon=[7, 14, 28])
    job = ended_job(backends, rows, end_fit, name="forecast-fit", consumers=CONSUMERS)
    close(backends, job, backends.queue.counts(job))
    job = backends.queue.job(job.name)
    write_report(backends, job, backends.queue.counts(job), tmp_path / "report.html")
    write_timeline(backends, [job], tmp_path / "timeline.html")
    with Tab.open(browser) as tab:
        for width, height in SIZES:
            set_size(tab, width, height)
            for theme in THEMES:
                tab.dark(theme == "dark")
                for page in ("report", "timeline"):
                    tab.go((tmp_path / f"{page}.html").as_uri())
                    tab.until(f"document.title.endsWith('{page}') && document.querySelector('canvas').width > 300")
                    picture(tab, f"{page}-{width}x{height}-{theme}")
                    box = "document.documentElement"
                    assert tab.says(f"{box}.scrollWidth <= {box}.clientWidth"), (page, width, theme)
                    if page == "report":
                        tab.says("document.querySelector('#glance').scrollIntoView()")
                        picture(tab, f"tasks-{width}x{height}-{theme}")
