from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from kubeque.consumer.attempt.out_values import OUT_BYTES, read_out


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
