"""The columns of a table have distinct names, for any names of parameters and of values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.rows.column_names import FACTS, out_column, parameter_column, parameter_of

names = st.lists(st.sampled_from(["param.", "out.", "index", *FACTS, "loss", "."]), min_size=1, max_size=4).map("".join)


@given(st.lists(names, unique=True), st.lists(names, unique=True))
def test_no_two_columns_have_one_name(parameters: list[str], outs: list[str]) -> None:
    columns = ["index", *map(parameter_column, parameters), *FACTS, *map(out_column, outs)]
    assert len(set(columns)) == len(columns)
    assert [parameter_of(parameter_column(name)) for name in parameters] == parameters
    assert {parameter_of(column) for column in ("index", *FACTS, *map(out_column, outs))} == {None}


def test_an_ordinary_name_stays() -> None:
    assert [parameter_column(name) for name in ("lr", "param.lr", "outer")] == ["lr", "param.lr", "outer"]
