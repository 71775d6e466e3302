from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from kubeque.consumer.attempt.out_values import OUT_BYTES, QUEUE_BYTES, read_out, split_for_queue


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.json"


def test_values_come_back(out):
    out.write_text('\ufeff{"loss": 0.25, "n": 3, "label": "ü", "good": true, "none": null}')

    assert read_out(out) == ({"loss": 0.25, "n": 3, "label": "ü", "good": True, "none": None}, None)


@pytest.mark.parametrize("text", ["", " \n"])
def test_nothing_written_is_nothing(out, text):
    assert read_out(out) == (None, None)
    out.write_text(text)
    assert read_out(out) == (None, None)


def test_a_diverged_loss_is_a_missing_value_not_a_mistake(out):
    out.write_text('{"a": NaN, "b": -Infinity, "c": 1e999, "d": 1}')

    assert read_out(out) == ({"a": None, "b": None, "c": None, "d": 1}, None)


def test_of_a_key_that_stands_twice_the_last_counts(out):
    out.write_text('{"a": 1, "a": 2}')

    assert read_out(out) == ({"a": 2}, None)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[1]", "it holds a list"),
        (b"3", "it holds a single value"),
        (b'{"a": {"b": 1}}', "the value of 'a' is an object"),
        (b'{"a": []}', "the value of 'a' is a list"),
        (b"{'a': 1}", "property name"),
        (b'{"a": 1}\n{"a": 2}\n', "Extra data"),
        (b"\xff\xfe{", "codec can't decode"),
        (b'{"a": "\\ud800"}', "surrogates not allowed"),
        (b'{"\\ud800": 1}', "surrogates not allowed"),
        (b"[" * 10_000, "recursion"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "limit"),
        (b'{"a": "' + b"x" * OUT_BYTES + b'"}', f"longer than {OUT_BYTES} bytes"),
    ],
)
def test_anything_else_is_a_problem_in_words(out, data, says):
    out.write_bytes(data)

    values, problem = read_out(out)

    assert values is None
    assert problem is not None
    assert problem.startswith("$KUBEQUE_OUT ")
    assert says in problem
    assert json.dumps(problem).isascii()


@pytest.mark.parametrize(
    ("written", "kept", "says"),
    [
        ({"loss": 0.5, "text": "x" * OUT_BYTES}, ["loss"], "'text' is left out: write large results to files"),
        ({"a": "x" * OUT_BYTES, "loss": 0.5, "b": "y" * OUT_BYTES}, ["loss"], "'a' and 1 more are left out"),
        ({"loss": 0.5, "list": [1, 2], "n": 3}, ["loss", "n"], "is not kept: the value of 'list' is a list"),
        ({"deep": {"a": 1}, "n": 3}, ["n"], "is not kept: the value of 'deep' is an object"),
        (
            {"a": [], "b": {}, "n": 3},
            ["n"],
            "2 values that are not kept: the value of 'a' is a list, the value of 'b' is",
        ),
        ({**{f"k{n}": [] for n in range(9)}, "n": 3}, ["n"], "'k2' is a list, and 6 more"),
        ({"a": [], "t": "x" * OUT_BYTES, "n": 3}, ["n"], "'a' is a list; it is longer than"),
        ({"bad": "\ud800", "n": 3}, ["n"], "surrogates not allowed"),
        ({f"k{n}": "x" * n for n in range(400)}, [f"k{n}" for n in range(170)], "'k170' and 229 more are left out"),
    ],
    ids=[
        "one long",
        "two long",
        "list",
        "object",
        "two kinds",
        "many refused",
        "refused and long",
        "surrogate",
        "many",
    ],
)
def test_a_value_that_cannot_be_kept_costs_only_this_value(out, written, kept, says):
    out.write_text(json.dumps(written))

    values, problem = read_out(out)

    assert values == {key: written[key] for key in kept}
    assert str(problem).startswith("$KUBEQUE_OUT ")
    assert says in str(problem)


def test_short_values_stay_in_the_queue_beside_a_long_one():
    text = "x" * QUEUE_BYTES
    assert split_for_queue(None) == (None, {}, "")
    assert split_for_queue({"loss": 0.5}) == ({"loss": 0.5}, {}, "")

    kept, short, note = split_for_queue({"loss": 0.5, "text": text, "n": 3})

    assert (kept, short) == ({}, {"loss": 0.5, "n": 3})
    assert note == "'text' is too long for this table: `kubeque collect` writes all values"


def test_what_is_no_regular_file_is_not_opened(out, tmp_path):
    (tmp_path / "secret").write_text('{"a": 1}')
    out.symlink_to(tmp_path / "secret")
    assert read_out(out) == (None, "$KUBEQUE_OUT was not read: it is a symbolic link")

    out.unlink()
    os.mkfifo(out)
    assert read_out(out) == (None, "$KUBEQUE_OUT was not read: it is not a regular file")

    out.unlink()
    out.mkdir()
    assert read_out(out)[0] is None
    assert "regular file" in str(read_out(out)[1])

    out.rmdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(out))
        assert read_out(out)[0] is None
        assert str(read_out(out)[1]).startswith("$KUBEQUE_OUT was not read")
