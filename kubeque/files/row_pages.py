"""The rows of a job as immutable pages in its store."""

from __future__ import annotations

from collections import OrderedDict

from kubeque.files.layout import page_url
from kubeque.files.parallel import PAGE_WRITES, in_parallel
from kubeque.files.store import Files
from kubeque.model.rows.parameters import Rows, decode_page, encode_page, pages
from kubeque.model.rows.rows import Row

#: A consumer walks through its block, and a block may lie across two pages.
_KEPT = 2


def write_pages(rows: Rows, job_url: str, files: Files) -> int:
    """Store all pages of `rows`; how many there were. Raises ParametersError if the rows changed meanwhile."""

    def write(numbered: tuple[int, list[Row]]) -> None:
        number, page = numbered
        files.write(page_url(job_url, number), encode_page(page))

    return sum(1 for _ in in_parallel(write, enumerate(pages(rows)), threads=PAGE_WRITES))


class PageReader:
    """Reads the pages of one job, and keeps the last two."""

    def __init__(self, job_url: str, files: Files) -> None:
        self._job_url = job_url
        self._files = files
        self._kept: OrderedDict[int, list[Row]] = OrderedDict()

    def page(self, number: int) -> list[Row]:
        """The rows of a page. Raises StorageError."""
        if number not in self._kept:
            self._kept[number] = decode_page(self._files.read(page_url(self._job_url, number)))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number]
