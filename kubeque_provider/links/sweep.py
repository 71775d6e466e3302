"""Links of an Airflow task to its sweep: the page in Airflow, the results, and the report."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from kubeque.lazy_dataclass import dataclass
from kubeque_provider.airflow_versions import AIRFLOW_2, BaseOperatorLink, XCom, base_url

#: Path of the sweeps' pages on Airflow's web server, and path of the same pages inside Airflow 3's own page.
PREFIX = "kubeque"
VIEW_ROUTE = "kubeque-sweeps"

#: Web pages on which the provider of a bucket shows a folder.
_FOLDERS = {
    "gs": "https://console.cloud.google.com/storage/browser/{bucket}/{path}",
    "s3": "https://console.aws.amazon.com/s3/buckets/{bucket}?prefix={path}/",
}


class _XComLink(BaseOperatorLink):
    """A link that the operator pushes to XCom, so that Airflow's pages never read the queue."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address of the link; empty until the sweep is submitted."""
        return str(XCom.get_value(key=self.xcom_key, ti_key=ti_key) or "")


class KubequePageLink(_XComLink):
    """Link to the page of the sweep in Airflow."""

    name = "Sweep"
    xcom_key = "kubeque_page"


class KubequeResultsLink(_XComLink):
    """Link to the folder with the results of all rows, if a browser can show it."""

    name = "Results"
    xcom_key = "kubeque_results"


class KubequeReportLink(_XComLink):
    """Link to the report of the sweep in its present state."""

    name = "Report"
    xcom_key = "kubeque_report"


#: Links of every operator that has a sweep.
SWEEP_LINKS = (KubequePageLink(), KubequeResultsLink(), KubequeReportLink())


def push_links(context: Any, job: SweepAddress, results: str) -> None:
    """Push the links of a sweep to XCom. `results`: URL of the results folder."""
    context["ti"].xcom_push(key=KubequePageLink.xcom_key, value=job.page())
    context["ti"].xcom_push(key=KubequeResultsLink.xcom_key, value=folder_page(results))
    context["ti"].xcom_push(key=KubequeReportLink.xcom_key, value=job.report())


@dataclass(frozen=True, slots=True)
class SweepAddress:
    """The parts of the addresses of a sweep's pages.

    The address includes the DAG run. So the page can show the run's last summary from XCom if the queue does not
    answer.
    """

    job_id: str
    conn_id: str
    dag_id: str
    run_id: str

    def page(self) -> str:
        """Return the address of the sweep's page, on Airflow 3 inside Airflow's own page.

        If Airflow's `base_url` is empty, the address has no host.
        """
        return self._join(f"{PREFIX}/" if AIRFLOW_2 else f"plugin/{VIEW_ROUTE}")

    def report(self) -> str:
        """Return the address of the sweep's report, which is a separate page."""
        return self._join(f"{PREFIX}/report")

    def _join(self, path: str) -> str:
        words = {"conn": self.conn_id, "job": self.job_id, "dag": self.dag_id, "run": self.run_id}
        return f"{base_url().rstrip('/')}/{path}?{urlencode(words)}"


def folder_page(url: str) -> str:
    """Return the web page of a folder in a bucket; empty if the store has no web pages."""
    scheme, _, rest = url.partition("://")
    page = _FOLDERS.get(scheme)
    if page is None or not rest:
        return ""
    bucket, _, path = rest.rstrip("/").partition("/")
    return page.format(bucket=quote(bucket), path=quote(path))
