"""Where a person looks at a sweep: its results, and its report once it has ended."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from kubeque_provider.airflow_versions import BaseOperatorLink, XCom, base_url

#: Below this path of Airflow's web server are the pages of sweeps.
PREFIX = "kubeque"

#: How a store's own pages show a folder, and a file, of a bucket.
_FOLDERS = {
    "gs": "https://console.cloud.google.com/storage/browser/{bucket}/{path}",
    "s3": "https://console.aws.amazon.com/s3/buckets/{bucket}?prefix={path}/",
}
_FILES = {
    "gs": "https://storage.cloud.google.com/{bucket}/{path}",
    "s3": "https://console.aws.amazon.com/s3/object/{bucket}?prefix={path}",
}


class _Kept(BaseOperatorLink):
    """A link that the operator has put into XCom: no page of Airflow's asks the queue."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The address; empty until the sweep is submitted."""
        return str(XCom.get_value(key=self.xcom_key, ti_key=ti_key) or "")


class KubequePageLink(_Kept):
    """To the page of the sweep in Airflow itself."""

    name = "Sweep"
    xcom_key = "kubeque_page"


class KubequeResultsLink(_Kept):
    """To the folder with the results of all rows."""

    name = "Results"
    xcom_key = "kubeque_results"


class KubequeReportLink(_Kept):
    """To the report of the present run; it is there when the run has ended."""

    name = "Report"
    xcom_key = "kubeque_report"


#: What an operator with a sweep has.
SWEEP_LINKS = (KubequePageLink(), KubequeResultsLink(), KubequeReportLink())


def keep_links(context: Any, page: str, results: str, report: str) -> None:
    """Put the links to a sweep into XCom. `page`: an address; `results`, `report`: URLs in the store."""
    context["ti"].xcom_push(key=KubequePageLink.xcom_key, value=page)
    context["ti"].xcom_push(key=KubequeResultsLink.xcom_key, value=page_of(results, _FOLDERS))
    context["ti"].xcom_push(key=KubequeReportLink.xcom_key, value=page_of(report, _FILES))


def sweep_page(job_id: str, conn_id: str, dag_id: str, run_id: str) -> str:
    """The address of a sweep's page in this Airflow; without a host where Airflow does not know its own.

    It names the run that the link is of: where the queue is out of reach, the page shows what that was told last.
    """
    words = {"conn": conn_id, "job": job_id, "dag": dag_id, "run": run_id}
    return f"{base_url().rstrip('/')}/{PREFIX}/?{urlencode(words)}"


def page_of(url: str, pages: dict[str, str]) -> str:
    """The address of the page that shows `url` in a browser; `url` itself where the store has no pages."""
    scheme, _, rest = url.partition("://")
    page = pages.get(scheme)
    if page is None or not rest:
        return url
    bucket, _, path = rest.rstrip("/").partition("/")
    return page.format(bucket=quote(bucket), path=quote(path))
