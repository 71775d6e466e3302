"""Axes of a grid, as they are typed."""

from __future__ import annotations

import pytest

from kubeque.model.errors import ParametersError
from kubeque.model.rows.grid import read_axes, read_grid, read_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.1,0.01", ["0.1", "0.01"]),
        ("1..5", ["1", "2", "3", "4", "5"]),
        ("3..1", ["3", "2", "1"]),
        ("-1..1", ["-1", "0", "1"]),
        ("0..10..4", ["0", "4", "8"]),
        ("08..10", ["08", "09", "10"]),
        ("1..2,7", ["1", "2", "7"]),
        ('"a,b",c', ["a,b", "c"]),
        ("../data,a..b", ["../data", "a..b"]),
        ("a=b", ["a=b"]),
        ("x,", ["x", ""]),
        ('a," b"', ["a", " b"]),
        ("[1]", ["[1]"]),
        ("0..0.3..0.1", ["0", "0.1", "0.2", "0.3"]),
        ("1..0..0.5", ["1", "0.5", "0"]),
        ("-0.5..0.5..0.5", ["-0.5", "0", "0.5"]),
        ("1e-3..2e-3..5e-4", ["0.001", "0.0015", "0.002"]),
        ("0..1..0.4", ["0", "0.4", "0.8"]),
        ("lin(0,1,5)", ["0", "0.25", "0.5", "0.75", "1"]),
        ("lin(1, 0, 3),7", ["1", "0.5", "0", "7"]),
        ("log(1e-4,1,5)", ["0.0001", "0.001", "0.01", "0.1", "1"]),
        ("x,log(1e-9,1e-7,3)", ["x", "1e-9", "1e-8", "1e-7"]),
        ('adam,"a,b",lin(0,1,3)', ["adam", "a,b", "0", "0.5", "1"]),
        ('lin(0,1,3),"a,b","lin(2,3,2)"', ["0", "0.5", "1", "a,b", "2", "3"]),
        ('"x,lin(0,1,3),y"', ["x,lin(0,1,3),y"]),
        ("lin(a", ["lin(a"]),
    ],
)
def test_values_are_lists_and_ranges_with_both_ends(text: str, values: list[str]):
    assert read_values("n", text) == values


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1,2]", "has brackets: write n=1,2"),
        ("(1, 2)", "has brackets: write n=1,2"),
        ("{1,2}", "has brackets: write n=1,2"),
        ("'a','b'", "has single quotes: write n=a,b, or use double quotes"),
        ("0.1, 0.2", "blanks around a comma: write n=0.1,0.2"),
        ("0.1..0.5", "has a fraction and no step: write a step, for example 0.1..0.5..0.1"),
        ("1.2.3..4", "is not a range: write FIRST..LAST"),
        ("0..1..1e-7", "more than"),
        ("0..1..0.0", "has the step 0"),
        ("lin(0,1)", "does not have three numbers: write lin"),
        ("lin(0,x,3)", "does not have three numbers"),
        ("lin(0,nan,3)", "does not have three numbers"),
        ("lin(0,1,1)", "has 1 values: give a COUNT from 2"),
        ("lin(0,1,2.5)", "does not have three numbers"),
        ("log(0,1,3)", "needs positive bounds"),
        ("log(1e-999,1,3)", "too large or too small"),
        ("lin(0,1e999,3)", "too large or too small"),
        ("lin(0,1,99999999)", "give a COUNT from 2"),
        ("a\0b", "has a NUL"),
        ("1..9999999", "more than"),
        ("1..2..0", "has the step 0: write a step that is not 0"),
        ('"a', "not a list"),
    ],
)
def test_what_is_no_list_of_values_is_named(text: str, says: str):
    with pytest.raises(ParametersError, match=says):
        read_values("n", text)


def test_axes_keep_their_order_and_one_stands_once():
    assert list(read_axes(["lr=0.1", "class=1..2"]).items()) == [("lr", ["0.1"]), ("class", ["1", "2"])]
    for words in (["lr"], ["=1"], ["lr=1", "lr=2"]):
        with pytest.raises(ParametersError):
            read_axes(words)


def test_in_a_jobspec_a_text_is_a_list_as_typed_and_a_list_is_taken_as_it_is():
    assert read_grid({"lr": [0.1, "1..2"], "seed": "1..2"}) == {"lr": [0.1, "1..2"], "seed": ["1", "2"]}
