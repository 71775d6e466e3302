"""How values of Python become text."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PurePosixPath
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.errors import ParametersError
from kubeque.model.rows.values import to_text


class Colour(StrEnum):
    RED = "red"


class OldColour(str, Enum):  # noqa: UP042 - the kind that prints as OldColour.RED
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("007", "007"),
        ("NA", "NA"),
        ("", ""),
        (" $(x) ^{zoom} ", " $(x) ^{zoom} "),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-(10**30), "-1" + "0" * 30),
        (0.1, "0.1"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e22, "1e+22"),
        (math.inf, "inf"),
        (Decimal("1.50"), "1.50"),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 12, 30, tzinfo=UTC), "2024-02-29T12:30:00+00:00"),
        (time(12, 30), "12:30:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("a/b c"), "a/b c"),
        (Path("/x"), "/x"),
        (Colour.RED, "red"),
        (OldColour.RED, "red"),
        (Level.HIGH, "3"),
        (np.int64(7), "7"),
        (np.uint8(255), "255"),
        (np.bool_(True), "true"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.1), "0.1"),
        (np.str_("x"), "x"),
        (np.array(5), "5"),
        (np.datetime64("2024-02-29"), "2024-02-29"),
        (np.datetime64("2024-02-29T12:00", "ns"), "2024-02-29T12:00:00.000000000"),
        (pd.Timestamp("2024-02-29 12:30"), "2024-02-29T12:30:00"),
    ],
)
def test_a_value_is_written_as_people_would_write_it(value: object, text: str) -> None:
    assert to_text(value) == text


MISSING = [
    None, math.nan, np.float64("nan"), np.float32("nan"), Decimal("NaN"), Decimal("sNaN"), np.datetime64("NaT", "s"),
    np.datetime64("NaT", "ns"), pd.NaT, pd.NA,
]  # fmt: skip


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_what_is_missing_is_an_error(value: object) -> None:
    with pytest.raises(ParametersError, match=r"the value is missing .*missing=''"):
        to_text(value)


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_what_is_missing_can_be_given_a_text(value: object) -> None:
    assert to_text(value, missing="") == ""
    assert to_text(value, missing="NA") == "NA"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({}, "dict"),
        ([1], "list"),
        ((1,), "tuple"),
        (b"x", "bytes"),
        (1j, "complex"),
        (object(), "object"),
        (timedelta(1), "timedelta"),
        (np.array([1]), "ndarray"),
        (np.timedelta64(1, "D"), "timedelta64"),
        (np.complex64(1), "complex64"),
        (np.bytes_(b"x"), "bytes_"),
        (pd.Timedelta(days=1), "Timedelta"),
    ],
)
def test_other_types_are_an_error(value: object, name: str) -> None:
    with pytest.raises(ParametersError, match=f"a value of type {name} cannot be text"):
        to_text(value)


def test_a_number_that_python_does_not_write_is_an_error() -> None:
    with pytest.raises(ParametersError, match="too many digits"):
        to_text(10**5000)


@given(st.floats(allow_nan=False))
def test_a_float_comes_back_as_it_was(value: float) -> None:
    assert float(to_text(value)) == value
    assert to_text(np.float64(value)) == to_text(value)


@given(st.text())
def test_text_stays_as_it_is(value: str) -> None:
    assert to_text(value) == value
