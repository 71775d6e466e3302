"""Refused rows and stored pages, for the tests of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from kubeque.model.errors import ParametersError
from kubeque.model.rows.rows import Rows, encode_page, pages, parse_page


def refusal(make: Callable[[], Rows]) -> str:
    with pytest.raises(ParametersError) as caught:
        make()
    assert len(str(caught.value)) < 400
    return str(caught.value)


def stored(rows: Rows) -> Callable[[int], Sequence[Sequence[str]]]:
    """The pages of `rows` as a consumer gets them."""
    written = [encode_page(page) for page in pages(rows)]
    return lambda number: parse_page(json.loads(written[number]))


def no_page(number: int) -> Sequence[Sequence[str]]:
    raise AssertionError(f"page {number} was asked for")
