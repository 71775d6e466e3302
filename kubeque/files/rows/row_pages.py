"""Write and read the rows of a job as pages in the store. A stored page never changes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from kubeque.files.layout import page_url
from kubeque.files.parallel import PAGE_WRITES, in_parallel
from kubeque.files.store import Files
from kubeque.model.rows.rows import PAGE_BYTES, Row, Rows, encode_page, pages, parse_page

#: Number of pages that stay in memory. A consumer reads the rows of its block in order, and a block may need two pages.
_CACHED = 2
#: Largest size of a stored page, bytes.
_LIMIT = 2 * PAGE_BYTES


def write_pages(rows: Rows, job_url: str, files: Files) -> tuple[str, ...]:
    """Store all rows of a job as pages, and return the SHA-256 (hex) of each page, in order.

    Raises ParametersError if the rows have changed since they were counted. Raises StorageError if the store fails.
    """

    def write(numbered: tuple[int, list[Row]]) -> tuple[int, str]:
        number, page = numbered
        data = encode_page(page)
        files.write(page_url(job_url, number), data)
        return number, hashlib.sha256(data).hexdigest()

    return tuple(digest for _, digest in sorted(in_parallel(write, enumerate(pages(rows)), threads=PAGE_WRITES)))


class PageReader:
    """Reads the pages of rows of one job. The last two pages stay in memory."""

    def __init__(self, job_url: str, files: Files, digests: Sequence[str] = ()) -> None:
        """`digests`: SHA-256 (hex) of each page, from the spec; empty if an earlier kubeque stored the pages without
        digests."""
        self._job_url = job_url
        self._files = files
        self._digests = digests
        self._pages: OrderedDict[int, list[Row]] = OrderedDict()

    def page(self, number: int) -> list[Row]:
        """Return the rows of the page `number`, from 0.

        Raises FileDamaged if the page has changed since it was stored. Raises StorageError if the store fails.
        """
        if number not in self._pages:
            digest = self._digests[number] if self._digests else ""
            self._pages[number] = self._files.read_as(
                page_url(self._job_url, number), parse_page, _LIMIT, digest=digest
            )
            while len(self._pages) > _CACHED:
                self._pages.popitem(last=False)
        self._pages.move_to_end(number)
        return self._pages[number]
