"""The page of sweeps beside Airflow's own pages, in one browser: fonts, colours, sizes, links and addresses."""

# ruff: noqa: F811
from __future__ import annotations

import importlib
from typing import Any

import pytest
from airflow import __version__

from kubeque.jobs.backends import Backends
from tests.provider.test_page import a_sweep, address, backends, browser  # noqa: F401
from tests.servers.browser import Browser
from tests.servers.tab import Tab

pytestmark = [
    pytest.mark.skipif(not __version__.startswith("3.3"), reason="what a browser makes of it is the same everywhere"),
    pytest.mark.timeout(300),
    pytest.mark.rotating,
]
INSIDE = "document.querySelector('iframe').contentDocument"
#: For each part: where it is on Airflow's page, where on ours, and what must be the same.
PARTS = {
    "text": ("document.body", f"{INSIDE}.body", ["fontFamily", "fontSize", "lineHeight", "color"]),
    "heading": ("document.querySelector('th')", f"{INSIDE}.querySelector('#tasks th')",
                ["fontFamily", "fontSize", "fontWeight", "lineHeight", "padding", "color"]),
    "cell": ("document.querySelector('td')", f"{INSIDE}.querySelector('#tasks td')",
             ["fontFamily", "fontSize", "fontWeight", "lineHeight", "padding", "borderBottomColor", "backgroundColor"]),
    "badge": ("document.querySelector('td [data-testid=state-badge]')", f"{INSIDE}.querySelector('#tasks .state-ok')",
              ["fontFamily", "fontSize", "fontWeight", "backgroundColor", "color", "borderRadius", "padding"]),
}  # fmt: skip
ROW = "Math.min(...[...{}.querySelectorAll('{} tbody tr')].map(row => row.getBoundingClientRect().height))"


def styles(tab: Tab, side: int) -> dict[str, dict[str, str]]:
    """Return the computed styles of all parts. `side`: 0 for Airflow's page, 1 for ours."""
    found = {}
    for part, where in PARTS.items():
        tab.until(f"!!{where[side]}")
        script = f"(() => {{ const s = getComputedStyle({where[side]}); return {where[2]}.map(name => s[name]); }})()"
        found[part] = dict(zip(where[2], tab.says(script), strict=True))
    return found


def set_theme(tab: Tab, theme: str) -> None:
    tab.says(f"localStorage.setItem('theme', '{theme}')")
    tab.says(f"(c => {{ c.remove('light', 'dark'); c.add('{theme}'); }})(document.documentElement.classList)")


def test_it_looks_like_airflows_own_page(backends: Backends, address: str, browser: Browser) -> None:
    # Given a DAG run on Airflow's page
    run = importlib.import_module("example_dags.daily_sweep").submit.dag.test()
    root = address.removesuffix("/kubeque")
    page = run.get_task_instances()[0].xcom_pull(task_ids="submit", key="kubeque_page")
    a_sweep(backends, "failed", "mine", n=200)
    with Tab.open(browser, width=1800, height=900) as tab:
        tab.go(f"{root}/dags/{run.dag_id}/runs/{run.run_id}")
        theirs: dict[str, Any] = {}
        for theme in ("light", "dark"):
            tab.until("document.querySelectorAll('td [data-testid=state-badge]').length > 2")
            set_theme(tab, theme)
            theirs[theme] = styles(tab, 0)
        height = tab.until(ROW.format("document", "table"))

        # When somebody follows the link of the Airflow task
        tab.go(f"{root}/{page.split('/', 3)[3] if '://' in page else page.lstrip('/')}")
        tab.until("!!document.querySelector('iframe')")

        # Then the page of the sweep is inside Airflow's own page, and looks like it in both themes
        tab.until(f"{INSIDE}.querySelectorAll('#tasks td').length > 3")
        for theme in ("light", "dark"):
            set_theme(tab, theme)
            tab.until(f"getComputedStyle({INSIDE}.documentElement).colorScheme === '{theme}'")
            assert styles(tab, 1) == theirs[theme], theme
            colour = tab.says(
                "(e => { e.style.color = 'var(--chakra-colors-failed-solid)'; document.body.append(e);"
                " return getComputedStyle(e).color; })(document.createElement('i'))"
            )
            own = (
                f"(e => {{ e.className = 'state-failed'; {INSIDE}.body.append(e);"
                f" return getComputedStyle(e).backgroundColor; }})({INSIDE}.createElement('i'))"
            )
            assert tab.says(own) == colour
        assert abs(tab.says(ROW.format(INSIDE, "#tasks")) - height) <= 1
        set_theme(tab, "light")

        # And its address can be shared: a row that is opened is in the address of Airflow's page
        tab.says(f"{INSIDE}.querySelector('#tasks .link').click()")
        tab.until(f"!!{INSIDE}.querySelector('dialog[open]')")
        shared = tab.until("/task=0/.test(location.search) && location.href")
        tab.go("about:blank")
        tab.go(shared)
        tab.until(f"/Row 0/.test({INSIDE}.querySelector('dialog[open] h2')?.innerText)")
        tab.says(f"{INSIDE}.querySelector('dialog [autofocus]').click()")
        tab.until("!/task=/.test(location.search)")

        # And from the page a click leads to the DAG, outside of the frame
        tab.says(f"[...{INSIDE}.querySelectorAll('.crumbs a')].find(a => a.innerText === 'daily_sweep').click()")
        tab.until("/\\/dags\\/daily_sweep/.test(location.pathname) && !document.querySelector('iframe')")
