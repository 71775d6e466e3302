"""Row keys are equal if the same work would run, and otherwise different."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kubeque.model.command.command import parse_word
from kubeque.model.job.row_keys import KEY_BYTES, no_keys, row_keys
from kubeque.model.job.spec import Input, JobSpec
from kubeque.model.rows.grid import sequence
from kubeque.model.rows.parameters import from_records

PINNED = "python@sha256:" + "a" * 64
SCRIPT = Input("run.py", "/cas/1", "1" * 64, 10)


def spec(*words: str, rows: Any = None, **more: Any) -> JobSpec:
    rows = rows or from_records([{"lr": "0.1", "seed": "1"}, {"lr": "0.2", "seed": "1"}])
    return JobSpec(tuple(map(parse_word, words)), rows.to_spec(), local=True, **more)


def keys(given: JobSpec, rows: list[tuple[str, ...]] | None = None) -> list[bytes]:
    return list(row_keys(given, rows or [("0.1", "1"), ("0.2", "1")]))


def test_a_key_is_the_same_whenever_the_same_would_run() -> None:
    # Given a sweep, and the same one with other columns first, other names for its words and another home
    first = spec("python3", "^run.py", "{lr}", inputs=(SCRIPT,))
    turned = spec("python3", "^/home/ann/run.py", "{lr}", rows=from_records([{"seed": "1", "lr": "0.1"}]),
                  inputs=(replace(SCRIPT, url="gs://b/cas/1"),))  # fmt: skip
    elsewhere = replace(first, local_env={"PATH": "/usr/bin"}, local=True, task_timeout=5.0, cpu=2.0)

    # Then their rows have equal keys, whatever their number
    assert keys(first)[0] == keys(turned, [("1", "0.1")])[0] == keys(elsewhere)[0]
    assert keys(first, [("0.2", "1"), ("0.1", "1")]) == keys(first)[::-1]
    assert {len(key) for key in keys(first)} == {KEY_BYTES}
    assert len(set(keys(first))) == 2


CHANGES: Mapping[str, JobSpec] = {
    "a word": spec("python3", "^run.py", "-v", "{lr}", inputs=(SCRIPT,)),
    "words cut elsewhere": spec("python3", "^run.py", "{lr} ", inputs=(SCRIPT,)),
    "the script": spec("python3", "^run.py", "{lr}", inputs=(replace(SCRIPT, digest="2" * 64),)),
    "its executable bit": spec("python3", "^run.py", "{lr}", inputs=(replace(SCRIPT, executable=True),)),
    "one more input": spec("python3", "^run.py", "{lr}", inputs=(SCRIPT, replace(SCRIPT, name="b"))),
    "the environment": spec("python3", "^run.py", "{lr}", inputs=(SCRIPT,), env={"A": "1"}),
    "what is kept": spec("python3", "^run.py", "{lr}", inputs=(SCRIPT,), results=("*.png",)),
    "the shell": spec("python3", "^run.py", "{lr}", inputs=(SCRIPT,), shell=True),
    "the number of the row": spec("python3", "^run.py", "{lr}", "{index}", inputs=(SCRIPT,)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_key_changes_with(what: str) -> None:
    assert not {*keys(CHANGES[what])} & {*keys(spec("python3", "^run.py", "{lr}", inputs=(SCRIPT,)))}


def test_a_value_that_the_command_does_not_name_is_part_of_the_key() -> None:
    given = spec("true")
    assert len(set(keys(given, [("0.1", "1"), ("0.1", "2")]))) == 2


def test_only_the_rows_that_use_a_changed_file_get_another_key() -> None:
    rows = from_records([{"region": "north"}, {"region": "south"}])
    files = {f"data/{name}.csv": Input(f"{name}.csv", "/cas/x", name * 12, 1) for name in ("north", "south")}
    before = spec("cat", "^data/{region}.csv", rows=rows, row_inputs=files)
    after = replace(before, row_inputs={**files, "data/south.csv": replace(files["data/south.csv"], digest="f" * 64)})

    north, south = zip(*(keys(s, [("north",), ("south",)]) for s in (before, after)), strict=True)

    assert north[0] == north[1]
    assert south[0] != south[1]


def test_an_object_elsewhere_counts_by_its_generation() -> None:
    there = Input("big", "gs://b/big", "", 10, generation="1")
    first, second = (spec("cat", "^gs://b/big", inputs=(replace(there, generation=g),)) for g in "12")
    assert keys(first) != keys(second)


@pytest.mark.parametrize(
    ("image", "named"),
    [
        (PINNED, ""),
        ("", ""),
        ("registry:5000/python:3.12", "has a tag"),
        ("python", "has a tag"),
        ("a@sha256:12", "has a"),
    ],
)
def test_rows_have_keys_only_where_the_image_is_named_by_its_digest(image: str, named: str) -> None:
    in_pods = replace(spec("true"), local=False, image=image)
    assert named in no_keys(in_pods)
    assert bool(no_keys(in_pods)) == bool(named)
    assert no_keys(spec("true", image=image)) == ""  # on one machine nothing runs in it


def test_the_digest_of_an_image_is_part_of_the_key_and_its_registry_is_not() -> None:
    of = lambda image: keys(replace(spec("true"), local=False, image=image))  # noqa: E731
    assert of(PINNED) == of(f"mirror.example/{PINNED}") != of(PINNED[:-1] + "b")


def test_an_object_whose_store_tells_nothing_of_its_state_leaves_the_rows_without_keys() -> None:
    silent = Input("page", "https://example.org/page", "", 0)
    assert "https://example.org/page" in no_keys(spec("cat", "^https://example.org/page", inputs=(silent,)))


def test_rows_without_columns_are_told_apart_by_their_number() -> None:
    assert len(set(keys(spec("true", rows=sequence(3)), [(), (), ()]))) == 3
