"""Hypothesis strategies for values from users: values of any type, and values that are almost valid for an option."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from kubeque.model.sweep import option_types as kinds
from kubeque.model.sweep.option_types import OptionType
from kubeque.model.sweep.options import OPTIONS

#: Texts without braces and slashes, because templates and paths have their own tests.
TEXTS = st.text(st.characters(exclude_characters="{}/~"), max_size=12)
_ODD = st.sampled_from(
    [
        None, True, False, "", " ", "\0", "\ud800", "\udcff", "x" * 300, "-x", ".x", b"x", Path("x"), date(2026, 1, 2),
        timedelta(minutes=5), Decimal("1.5"), float("nan"), float("inf"), -1, 0, 10**30, 2.0, {1, 2}, object(),
        object, len, range(3), (), [], {}, [None], [["x"]], {"": "x"}, {"a=b": "x"}, {1: 2}, {"a": None}, {"a": [1]},
        {"a": "\0"}, "{", "x" * 200_000,
    ]
)  # fmt: skip
#: Python refuses to write an integer of 5,000 digits, so it must not be in a strategy that hypothesis prints.
_HUGE = st.builds(lambda: 10**5000)
_SCALARS = (
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats() | TEXTS | st.binary(max_size=4) | _ODD | _HUGE
)
ANY = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5
)
#: Valid and almost valid values, by type of option. Options of other types get any value.
_NEAR: Mapping[int, st.SearchStrategy[Any]] = {
    id(kinds.TEXT): TEXTS | st.sampled_from(["auto", "night", "local"]),
    id(kinds.COUNT): st.integers(-2, 9) | st.sampled_from([3.0, "3"]),
    id(kinds.FLAG): st.booleans(),
    id(kinds.SIZE): st.sampled_from(["1Gi", "512Mi", 2**30, "1GB", "1.5Gi", 5e9]),
    id(kinds.CORES): st.sampled_from(["500m", 1, 0.5, "2", 0]),
    id(kinds.TIME): st.sampled_from(["30m", "1.5h", 90, 90.5, "90s", "30 minutes"]),
    id(kinds.SHARE): st.sampled_from(["1%", "101%", 3, "3", "-1", "9" * 5000]),
    id(kinds.TEXTS): st.lists(TEXTS | st.sampled_from(["*.txt", "a**", Path("x")]), max_size=3),
    id(kinds.WORDS): st.sampled_from([["true"], ["echo", 5, 0.5, True], "echo 1", ["echo", None], ["nobody's"]]),
    id(kinds.PAIRS): st.dictionaries(st.sampled_from(["A", "THREADS", "é"]), _SCALARS, max_size=2),
    id(kinds.COUNTS): st.dictionaries(st.sampled_from(["lost", "oom", "no"]), st.integers(-1, 5), max_size=2),
}


def of_kind(kind: OptionType | None) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of an option. About half of the values have the option's type."""
    return _NEAR.get(id(kind), ANY) | ANY


def some(names: list[str], kind_of: Mapping[str, OptionType]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy that gives values to one or two of these arguments, by name."""
    chosen = st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)
    return chosen.flatmap(lambda few: st.fixed_dictionaries({name: of_kind(kind_of.get(name)) for name in few}))


#: Types of the options by the field of a sweep, and by the name of the option.
BY_FIELD = {option.sweep_field: option.kind for option in OPTIONS if option.sweep_field}
BY_OPTION = {option.name: option.kind for option in OPTIONS}
