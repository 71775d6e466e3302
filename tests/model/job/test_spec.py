"""The spec of a job: its wire and the digest that tells one submission from another."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.command.command import parse_word
from kubeque.model.job.shapes import Shape
from kubeque.model.job.spec import FunctionCall, Input, JobSpec
from kubeque.model.rows.grid import grid, sequence
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import RowsSpec

strings = st.lists(st.text(max_size=9), max_size=3).map(tuple)
pairs = st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3)
rows = st.sampled_from(
    [
        sequence(3).to_spec(), grid(a=["x", "\ud7ff"], b=["1", ""]).to_spec(), RowsSpec((), 2, "table", "0", (0, 1)),
        RowsSpec(("a", "b"), 1001, "table", "0", (0, 1000), pages=("1", "2")),
    ]
)  # fmt: skip
words = st.text(st.characters(exclude_characters="{}"), min_size=2).map(parse_word)
amounts = st.none() | st.floats(0, 1e6)
jsons = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), st.lists, max_leaves=4)
specs = st.builds(
    JobSpec,
    command=st.lists(words, max_size=4).map(tuple),
    rows=rows,
    inputs=st.lists(st.builds(Input), max_size=3).map(tuple),
    row_inputs=st.dictionaries(st.text(), st.builds(Input), max_size=3),
    results=strings,
    ignore=strings,
    env=pairs,
    local=st.booleans(),
    local_env=pairs,
    task_timeout=amounts,
    grace_seconds=st.floats(0, 1e6),
    cpu=amounts,
    shapes=st.lists(
        st.builds(Shape, st.none() | st.integers(0), st.none() | st.integers(0)), min_size=1, max_size=3
    ).map(tuple),
    pod=st.dictionaries(st.text(max_size=9), jsons, max_size=3),
)

SPEC = JobSpec(
    (parse_word("^run.py"), parse_word("{a}")),
    from_records([{"a": 1}, {"a": 2}]).to_spec(),
    inputs=(Input("run.py", "/cas/00", "00", 5),),
)
OTHER: dict[str, Any] = {
    "command": (parse_word("^run.py"), parse_word("{b}")),
    "rows": from_records([{"a": 1}, {"a": 3}]).to_spec(),
    "inputs": (Input("run.py", "/cas/01", "01", 5),),
    "row_inputs": {"x.csv": Input("x.csv", "/cas/02", "02", 1)},
    "shell": True,
    "results": ("*.png",),
    "ignore": ("tmp/*",),
    "env": {"A": "1"},
    "task_timeout": 60.0,
    "grace_seconds": 5.0,
    "image": "python:3.12",
    "cpu": 2.0,
    "shapes": (Shape(1 << 30),),
    "cluster": "gke://p/-/c",
    "pod": {"gpu": 1},
    "function": FunctionCall("key", ("kubeque_f.py",), ("a",)),
}


@given(specs)
def test_a_spec_survives_the_wire(spec: JobSpec) -> None:
    back = JobSpec.from_wire(json.loads(json.dumps(spec.to_wire())))

    assert back == spec
    assert back.digest() == spec.digest()


def test_a_grid_survives_the_wire() -> None:
    spec = replace(SPEC, rows=grid(a=[1, 2], b=["x"]).to_spec())

    assert JobSpec.from_wire(json.loads(json.dumps(spec.to_wire()))) == spec


def test_an_older_consumer_reads_a_newer_spec_and_keeps_what_it_does_not_know() -> None:
    wire = json.loads(json.dumps(SPEC.to_wire()))
    wire["later"] = {"a": [1]}
    wire["rows"]["later"] = 2
    wire["inputs"][0]["later"] = 3
    wire["shapes"][0]["later"] = 4

    read = JobSpec.from_wire(wire)

    assert read == SPEC
    assert json.loads(json.dumps(read.to_wire())) == wire


@pytest.mark.parametrize("name", list(OTHER))
def test_whatever_is_asked_differently_has_another_digest(name: str) -> None:
    assert replace(SPEC, **{name: OTHER[name]}).digest() != SPEC.digest()


def test_every_field_but_the_surroundings_counts() -> None:
    assert {field.name for field in fields(JobSpec)} - set(OTHER) == {"local", "local_env", "extra"}
    assert replace(SPEC, local_env={"PATH": "/bin"}, local=True).digest() == SPEC.digest()


@pytest.mark.parametrize(("local_env", "local"), [({"PATH": "/bin"}, True), ({}, False)])
def test_a_spec_from_before_the_flag_is_local_if_it_has_an_environment(local_env: dict[str, str], local: bool) -> None:
    wire = replace(SPEC, local_env=local_env).to_wire()
    del wire["local"]

    read = JobSpec.from_wire(wire)

    assert read.local is local
    assert read.digest() == SPEC.digest()


def test_the_types_of_values_count_only_where_a_function_sees_them() -> None:
    numbers, texts = grid(a=[1, 2]).to_spec(), grid(a=["1", "2"]).to_spec()
    command, call = replace(SPEC, rows=numbers), replace(SPEC, rows=numbers, function=FunctionCall("k", ("f",), ("a",)))

    assert command.digest() == replace(command, rows=texts).digest()
    assert call.digest() != replace(call, rows=texts).digest()
    assert JobSpec.from_wire(json.loads(json.dumps(call.to_wire()))) == call


def test_a_spec_without_a_function_is_stored_as_before() -> None:
    wire = replace(SPEC, rows=grid(a=["x"]).to_spec()).to_wire()

    assert "function" not in wire
    assert "types" not in wire["rows"]


def test_the_order_of_variables_is_no_difference() -> None:
    one, other = {"A": "1", "B": "2"}, {"B": "2", "A": "1"}

    assert replace(SPEC, env=one).digest() == replace(SPEC, env=other).digest()
