"""Links of an Airflow task to its sweep: the page in Airflow, the results, and the report."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from kubeque.lazy_dataclass import dataclass
from kubeque_provider.airflow_versions import AIRFLOW_2, BaseOperatorLink, XCom, base_url

#: Path of the page of sweeps on Airflow's web server, and path of the same page inside the user interface of Airflow 3.
PREFIX = "kubeque"
VIEW_ROUTE = "kubeque-sweeps"

#: Addresses of the web pages on which the provider of a bucket shows a folder.
_FOLDERS = {
    "gs": "https://console.cloud.google.com/storage/browser/{bucket}/{path}",
    "s3": "https://console.aws.amazon.com/s3/buckets/{bucket}?prefix={path}/",
}


class _XComLink(BaseOperatorLink):
    """A link of an Airflow task. The operator pushes its address to XCom, so Airflow's pages never read the queue."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address of the link; empty until the operator has pushed it."""
        return str(XCom.get_value(key=self.xcom_key, ti_key=ti_key) or "")


class KubequePageLink(_XComLink):
    """Link to the page of the sweep in Airflow."""

    name = "Sweep"
    xcom_key = "kubeque_page"


class KubequeResultsLink(_XComLink):
    """Link to the folder with the results of all rows, if a web page can show this folder."""

    name = "Results"
    xcom_key = "kubeque_results"


class KubequeReportLink(_XComLink):
    """Link to the report of the sweep in its present state."""

    name = "Report"
    xcom_key = "kubeque_report"


#: Links of the operators that submit a sweep or wait for one.
SWEEP_LINKS = (KubequePageLink(), KubequeResultsLink(), KubequeReportLink())


def push_links(context: Any, job: SweepAddress, results: str) -> None:
    """Push the links of a sweep to XCom. `results`: URL of the results folder."""
    context["ti"].xcom_push(key=KubequePageLink.xcom_key, value=job.page())
    context["ti"].xcom_push(key=KubequeResultsLink.xcom_key, value=folder_page(results))
    context["ti"].xcom_push(key=KubequeReportLink.xcom_key, value=job.report())


@dataclass(frozen=True, slots=True)
class SweepAddress:
    """The values in the addresses of a sweep's pages.

    The DAG and the run are included for the case that the queue does not answer. The page then shows the last summary
    that this run stored in XCom.
    """

    job_id: str
    conn_id: str
    dag_id: str
    run_id: str

    def page(self) -> str:
        """Return the address of the sweep's page. On Airflow 3, this page is inside Airflow's user interface.

        If Airflow's `base_url` is empty, the address is a path without a host.
        """
        return self._join(f"{PREFIX}/" if AIRFLOW_2 else f"plugin/{VIEW_ROUTE}")

    def report(self) -> str:
        """Return the address of the sweep's report, which is a separate page.

        If Airflow's `base_url` is empty, the address is a path without a host.
        """
        return self._join(f"{PREFIX}/report")

    def _join(self, path: str) -> str:
        words = {"conn": self.conn_id, "job": self.job_id, "dag": self.dag_id, "run": self.run_id}
        return f"{base_url().rstrip('/')}/{path}?{urlencode(words)}"


def folder_page(url: str) -> str:
    """Return the address of a web page that shows a folder in a bucket; empty if the store has no such pages."""
    scheme, _, rest = url.partition("://")
    page = _FOLDERS.get(scheme)
    if page is None or not rest:
        return ""
    bucket, _, path = rest.rstrip("/").partition("/")
    return page.format(bucket=quote(bucket), path=quote(path))
