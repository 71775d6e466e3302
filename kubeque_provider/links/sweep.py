"""Links of an Airflow task to its sweep: the page in Airflow, the results, and the report."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from kubeque_provider.airflow_versions import BaseOperatorLink, XCom, base_url

#: Path of the sweeps' pages on Airflow's web server.
PREFIX = "kubeque"

#: Web pages on which the provider of a bucket shows a folder (first) or a file (second).
_FOLDERS = {
    "gs": "https://console.cloud.google.com/storage/browser/{bucket}/{path}",
    "s3": "https://console.aws.amazon.com/s3/buckets/{bucket}?prefix={path}/",
}
_FILES = {
    "gs": "https://storage.cloud.google.com/{bucket}/{path}",
    "s3": "https://console.aws.amazon.com/s3/object/{bucket}?prefix={path}",
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
    """Link to the folder with the results of all rows."""

    name = "Results"
    xcom_key = "kubeque_results"


class KubequeReportLink(_XComLink):
    """Link to the report of the current run. The report exists once the run has ended."""

    name = "Report"
    xcom_key = "kubeque_report"


#: Links of every operator that has a sweep.
SWEEP_LINKS = (KubequePageLink(), KubequeResultsLink(), KubequeReportLink())


def push_links(context: Any, page: str, results: str, report: str) -> None:
    """Push the links of a sweep to XCom. `page`: web address; `results`, `report`: URLs in the store."""
    context["ti"].xcom_push(key=KubequePageLink.xcom_key, value=page)
    context["ti"].xcom_push(key=KubequeResultsLink.xcom_key, value=browser_url(results, _FOLDERS))
    context["ti"].xcom_push(key=KubequeReportLink.xcom_key, value=browser_url(report, _FILES))


def sweep_url(job_id: str, conn_id: str, dag_id: str, run_id: str) -> str:
    """Return the address of a sweep's page in this Airflow. If Airflow's `base_url` is empty, the address has no host.

    The address contains the id of the run. So the page can show the run's last summary from XCom while the queue does
    not answer.
    """
    parameters = {"conn": conn_id, "job": job_id, "dag": dag_id, "run": run_id}
    return f"{base_url().rstrip('/')}/{PREFIX}/?{urlencode(parameters)}"


def browser_url(url: str, pages: dict[str, str]) -> str:
    """Return the web address that shows `url` in a browser. If the store has no web pages, return `url` itself."""
    scheme, _, rest = url.partition("://")
    page = pages.get(scheme)
    if page is None or not rest:
        return url
    bucket, _, path = rest.rstrip("/").partition("/")
    return page.format(bucket=quote(bucket), path=quote(path))
