"""The rows of a job as immutable pages in the store."""

from __future__ import annotations

from collections import OrderedDict

from kubeque.files.layout import page_url
from kubeque.files.parallel import PAGE_WRITES, in_parallel
from kubeque.files.store import Files
from kubeque.model.rows.parameters import Rows, decode_page, encode_page, pages
from kubeque.model.rows.rows import Row

#: Pages in memory: a consumer reads the rows of its block in order, and a block may span two pages.
_CACHED = 2


def write_pages(rows: Rows, job_url: str, files: Files) -> int:
    """Store all pages of `rows` and return their number.

    Raises ParametersError if the rows changed since they were counted, StorageError.
    """

    def write(numbered: tuple[int, list[Row]]) -> None:
        number, page = numbered
        files.write(page_url(job_url, number), encode_page(page))

    return sum(1 for _ in in_parallel(write, enumerate(pages(rows)), threads=PAGE_WRITES))


class PageReader:
    """Read pages of one job; the last two stay in memory."""

    def __init__(self, job_url: str, files: Files) -> None:
        self._job_url = job_url
        self._files = files
        self._pages: OrderedDict[int, list[Row]] = OrderedDict()

    def page(self, number: int) -> list[Row]:
        """Return the rows of a page. Raises StorageError."""
        if number not in self._pages:
            self._pages[number] = decode_page(self._files.read(page_url(self._job_url, number)))
            while len(self._pages) > _CACHED:
                self._pages.popitem(last=False)
        self._pages.move_to_end(number)
        return self._pages[number]
