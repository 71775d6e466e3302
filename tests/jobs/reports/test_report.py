"""The contents of report.html. It is safe with any value, and exists once a job has ended."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.files.layout import report_url, result_url
from kubeque.files.store import Files
from kubeque.files.urls import join
from kubeque.jobs.backends import Backends
from kubeque.jobs.reports.report import make_report
from kubeque.jobs.results.table import lines
from kubeque.jobs.upkeep.reconcile import close
from kubeque.model.errors import StorageError
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep
from tests.jobs.sweeps import Ended, ended_job
from tests.servers.browser import Browser, title

_INJECT = "document.title='injected'"
HOSTILE = [
    f"<script>{_INJECT}</script>",
    f"</script><script>{_INJECT}</script>",
    f"</style><script>{_INJECT}</script><style>",
    f'"><img src=x onerror="{_INJECT}">',
    f"' onmouseover='{_INJECT}' autofocus onfocus='{_INJECT}' x='",
    f"<svg onload={_INJECT}>",
    f"<!--<script>{_INJECT}",
    f"javascript:{_INJECT}",
    f"\u2028{_INJECT}//",
    f"</title><script>{_INJECT}</script>",
    "\u202eevil \x1b[2J \x07",
]


def report(backends: Backends, job: Job) -> str:
    return make_report(backends, job, backends.queue.counts(job), lines(backends, job))


class Shape(HTMLParser):
    """Parser that collects the names of elements and the texts of cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.cells: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self._inside = tag == "td"
        if self._inside:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


def failing(index: int) -> Ended:
    if index % 10 == 3:
        return Ended(Cause.EXIT, message=f"exit code 1: row {index} failed")
    return Ended(out={"loss": index / 100})


def test_a_report_tells_counts_failures_in_groups_advice_and_every_task(backends: Backends) -> None:
    job = ended_job(backends, [{"lr": n} for n in range(40)], failing)

    page = report(backends, job)

    assert "36 of 40 tasks are ok; 4 failed" in page
    assert "exit code 1: row # failed" in page
    assert "Requested 16Gi, peak 1.0Gi" in page or "Requested 16Gi, peak 1Gi" in page
    shape = Shape(page)
    assert shape.tags.count("h1") == 1
    assert shape.tags.count("tr") == 40 + 1 + 2  # tasks, their heading, one group and its heading
    assert "0.39" in shape.cells
    heads = [re.sub("<[^>]*>", "", head) for head in re.findall('<th scope="col".*?</th>', page)]
    assert heads[-11:-8] == ["lr", "out.loss", "state"], "values of tasks are beside the parameters"


def test_failed_rows_are_marked_and_texts_that_are_numbers_are_on_the_right(backends: Backends) -> None:
    rows = [{"lr": value, "note": "a" if value == "7" else value} for value in ("1e-3", "-.5", "7", "007", "")]

    page = report(backends, ended_job(backends, rows, failing))

    (table,) = re.findall(r'<table id="tasks">.*?</table>', page, re.DOTALL)
    lines = re.findall("<tr( class=.*?)?>", table)
    assert lines == ["", "", "", "", ' class="failed"', ""]
    assert '<th scope="col" class="n"><button type="button">lr<' in table
    assert '<th scope="col"><button type="button">note<' in table


def test_a_large_job_is_told_in_a_page_of_bounded_size(backends: Backends) -> None:
    job = ended_job(backends, [{"n": n} for n in range(1300)], lambda index: Ended(out={"loss": index}))

    page = report(backends, job)

    assert "The first 1,000 of 1,300 tasks." in page
    assert '{"marks":"o1300",' in page
    assert "kubeque collect sweep -o table.csv" in page
    assert Shape(page).tags.count("tr") == 1001


def test_a_job_of_which_nothing_has_run_has_a_report(backends: Backends) -> None:
    page = report(backends, ended_job(backends, [{"n": 1}, {"n": 2}], failing, run=False))

    assert "0 of 2 tasks are ok; 2 pending" in page
    assert "canvas" not in Shape(page).tags


def test_a_page_loads_nothing_and_has_no_way_to(backends: Backends) -> None:
    page = report(backends, ended_job(backends, [{"n": 1}], failing))

    assert re.search(r'http-equiv="Content-Security-Policy" content="default-src \'none\'; ', page)
    assert "unsafe-inline" not in page
    rest = re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|href)=(?!\"data:,)", rest)
    assert not Shape(page).attributes & {"style", "onclick", "onload", "onerror"}


def hostile_page(backends: Backends) -> str:
    rows = [{"value": text, f"col<script>{_INJECT}</script>": text} for text in HOSTILE]

    def how(index: int) -> Ended:
        if index % 2:
            return Ended(Cause.EXIT, message=HOSTILE[index])
        return Ended(out={HOSTILE[index]: HOSTILE[index]})

    return report(backends, ended_job(backends, rows, how))


def test_hostile_values_are_text(backends: Backends) -> None:
    page = hostile_page(backends)

    shape = Shape(page)
    assert shape.tags.count("script") == 5  # data of timeline and grid; timeline, table, modules
    assert not shape.tags.count("img")
    assert not {name for name in shape.attributes if name.startswith("on")}
    assert "\u2028" not in page
    assert "\x1b" not in page
    (block,) = re.findall(r'<script type="application/json" id="timeline-data">(.*?)</script>', page, re.DOTALL)
    drawn = {row[0] for row in json.loads(block)["rows"]}
    assert {text for text in HOSTILE if text.isprintable() and len(text) <= 60} <= drawn


def test_in_a_browser_no_hostile_value_runs_and_the_page_does_what_it_should(
    backends: Backends, browser: Browser, tmp_path: Path
) -> None:
    page = hostile_page(backends)
    assert "sweep: report" in page
    guarded, naive = tmp_path / "report.html", tmp_path / "naive.html"
    guarded.write_text(page)
    naive.write_text(f"<title>naive</title>{HOSTILE[0]}")

    rendered = browser.render(guarded)

    assert title(browser.render(naive)) == "injected"  # so would we see it
    assert title(rendered) == "sweep: report"
    assert re.search(r"<canvas[^>]* style=\"height: \d", rendered), "the page's own script did not run"


def test_in_a_browser_the_table_sorts_and_filters_and_the_timeline_and_the_grid_answer(
    backends: Backends, browser: Browser, tmp_path: Path
) -> None:
    page = report(backends, ended_job(backends, [{"lr": n % 4} for n in range(20)], failing))
    hands = """<script>
        const said = [];
        const rows = () => [...document.querySelectorAll("#tasks tbody tr")].filter((row) => !row.hidden);
        const order = () => rows().map((row) => row.cells[0].textContent);
        const heads = [...document.querySelectorAll("#tasks th button")];
        const head = heads.find((button) => button.textContent === "out.loss");
        head.click(); said.push(order().slice(0, 3).join(), order().slice(-2).join());
        head.click(); said.push(order().slice(0, 2).join(), order().slice(-2).join());
        const filter = document.getElementById("filter");
        filter.value = "failed"; filter.dispatchEvent(new Event("input"));
        said.push(order().sort().join(), document.getElementById("filtered").textContent);
        const canvas = document.querySelector("#timeline canvas"), grid = document.querySelector("#glance canvas");
        setTimeout(() => {
          said.push(grid.getAttribute("aria-label").split(".")[0]);
          for (const key of ["n", "n", "Enter"]) grid.dispatchEvent(new KeyboardEvent("keydown", { key }));
          said.push(document.querySelector("tr.picked").cells[0].textContent);
          canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "n" }));
          said.push(document.getElementById("spoken").textContent.split(",").slice(0, 2).join());
          document.getElementById("by").value = "task";
          document.getElementById("by").dispatchEvent(new Event("change"));
          document.title = said.join("|");
        }, 300);
    </script></body>"""
    opened = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", page).replace("</body>", hands)
    (tmp_path / "hands.html").write_text(opened)

    said = title(browser.render(tmp_path / "hands.html")).split("|")

    assert said == ["0,1,2", "3,13", "19,18", "3,13", "13,3", "2 of 20 rows", "18 ok, 2 exit", "13", "sweep, task 0"]


def test_the_report_of_a_job_lies_beside_its_results_once_it_has_ended(client: Client) -> None:
    rows = from_records([{"code": "0"}, {"code": "3"}])
    client.submit(Sweep(["sh", "-c", "exit $1", "sh", "{code}"], name="ended", rows=rows))
    client.wait("ended", timeout=60)

    page = Path(report_url(client.job("ended"))).read_text()

    assert "<strong>failed</strong>1 of 2 tasks are ok; 1 failed" in page
    assert "exit code 3" in page


class NoReports(Files):
    """A store that is full when a report is written."""

    def write_new(self, url: str, data: bytes) -> bool:
        if "report-" in url:
            raise StorageError(f"cannot write {url}: no space left")
        return super().write_new(url, data)


def test_a_report_that_cannot_be_stored_does_not_keep_a_job_open(
    backends: Backends, caplog: pytest.LogCaptureFixture
) -> None:
    job = ended_job(backends, [{"n": 1}], failing)

    closed = close(replace(backends, files=NoReports()), job, backends.queue.counts(job))

    assert closed.closing is not None
    assert "the report could not be stored" in caplog.text


def test_the_report_of_a_run_is_written_once(backends: Backends) -> None:
    job = ended_job(backends, [{"n": 1}], failing)
    backends.files.write(report_url(job), b"somebody was first")

    close(backends, job, backends.queue.counts(job))

    assert backends.files.read(report_url(job)) == b"somebody was first"


def test_the_report_has_curves_of_the_longest_tasks(backends: Backends) -> None:
    def how(index: int) -> Ended:
        return Ended(seconds=float(index), folder="1-abc")

    job = ended_job(backends, [{"x": str(number)} for number in range(40)], how)
    use = {"seconds": [1.0, 30.0], "cpu": [2.0, 1.0], "memory": [1 << 20, 4 << 20], "gpu": [None, 0.5]}
    forged = {35: {"usage": {"seconds": "<b>"}}, 36: [], 37: {"usage": None}, 38: {}}
    for line in lines(backends, job):
        outcome = line.view.record.outcome
        content = forged.get(line.view.index, {"usage": use})
        backends.files.write(join(result_url(job, outcome), "result.json"), json.dumps(content).encode())

    page = report(backends, job)

    section = page.partition("<h2>Use over time</h2>")[2].partition("<h2>")[0]
    assert re.findall(r'<tr><td class="n">(\d+)</td>', section) == ["39", "34", "33", "32", "31", "30"]
    assert section.count("mean 1.03 cores, peak 2.00") == 6
    assert section.count("mean 3.9Mi, peak 4Mi") == 6
    assert section.count("mean 0.50 GPUs") == 6
    assert section.count('<polygon points="0,20 0.0,0.0 3.3,0.0 3.3,10.0 100.0,10.0 100,20"/>') == 6


def test_the_report_of_short_tasks_reads_no_result(backends: Backends) -> None:
    job = ended_job(backends, [{"x": "1"}], lambda index: Ended(seconds=9.9, folder="1-abc"))
    assert "Use over time" not in report(backends, job)


def test_the_report_has_the_end_of_stderr_of_each_group(backends: Backends) -> None:
    def how(index: int) -> Ended:
        return Ended(Cause.EXIT, message="abcdefgh"[index], folder="1-abc")

    job = ended_job(backends, [{"x": str(number)} for number in range(8)], how)
    stderr = "".join(f"line {number}\n" for number in range(99)) + "  <b>\x1b[2J" + "y" * 5000 + "\n"
    for line in lines(backends, job):
        content: object = {1: [], 2: {"stderr": 3}}.get(line.view.index, {"stderr": stderr})
        if line.view.index != 3:  # the files of this task were deleted
            url = join(result_url(job, line.view.record.outcome), "result.json")
            backends.files.write(url, json.dumps(content).encode())

    page = report(backends, job)

    section = page.partition("<h2>Failures</h2>")[2].partition("<h2>")[0]
    assert re.findall(r"stderr of task (\d+):", section) == ["0", "4"]
    (first, second) = re.findall(r"<pre>(.*?)</pre>", section, re.DOTALL)
    assert first == second
    assert first.startswith("line 80\n")
    assert first.splitlines()[-1].startswith("  &lt;b&gt;")
    assert len(first.splitlines()) == 20
    assert "\x1b" not in first
    assert len(first) < 1000


def test_a_store_that_does_not_answer_does_not_stop_the_report(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ended_job(backends, [{"x": "1"}], lambda index: Ended(Cause.EXIT, message="bad", folder="1-abc"))

    read_json = Files.read_json

    def refuse(files: Files, url: str, *rest: object, **more: object) -> object:
        if url.endswith("result.json"):
            raise StorageError("the store does not answer")
        return read_json(files, url, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Files, "read_json", refuse)
    assert "stderr of task" not in report(backends, job)
