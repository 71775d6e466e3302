"""A function as a script: what is sent, what is refused, and what the script does with a row."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

import pytest

from kubeque.model.errors import CommandError
from kubeque.model.function.call_function import RETURN_FILE
from kubeque.model.function.function import function_files
from kubeque.model.rows.grid import sequence
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import read_types

OUTSIDE = 7


def run(folder: Path, function: Callable[..., Any], row: Mapping[str, Any], **constants: Any) -> Any:
    """Return the contents of $KUBEQUE_OUT after the function has run for a row; None if empty."""
    rows = from_records([row], function=True) if row else sequence(1)
    spec = rows.to_spec()
    made = function_files(function, rows, constants)
    made.write(folder)
    texts = dict(zip(rows.columns, next(iter(rows)), strict=True)) | {"index": "3"}
    (folder / "row.json").write_text(json.dumps(texts), encoding="utf-8")
    out = folder / "out.json"
    done = subprocess.run(
        [sys.executable, made.name], cwd=folder, text=True, capture_output=True, timeout=60,
        env={**os.environ, "KUBEQUE_OUT": str(out), "KUBEQUE_ROW_TYPES": json.dumps(read_types(spec, 0))},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text()) if out.exists() else None


def test_values_of_a_row_are_cast_by_the_annotations(tmp_path: Path) -> None:
    def kinds(a: int, b: float, c: bool, d: str, e, index: int) -> dict:  # type: ignore[no-untyped-def, type-arg]
        return {"all": repr([a, b, c, d, e, index])}

    row = {"a": "007", "b": "1e3", "c": "False", "d": "NA", "e": "1"}
    assert run(tmp_path, kinds, row) == {"all": "[7, 1000.0, False, 'NA', '1', 3]"}


def test_constants_are_json_of_any_shape_and_defaults_stay(tmp_path: Path) -> None:
    def total(x: int, weights: dict[str, list[int]], factor: int = 2, *, text: str) -> str:
        return f"{(x + sum(weights['w'])) * factor}{text}"

    hostile = "'''\"\"\"{x} \\ \n</é"
    assert run(tmp_path, total, {"x": "1"}, weights={"w": [1, 2]}, text=hostile) == {"value": f"8{hostile}"}


@pytest.mark.parametrize(
    ("returned", "out"),
    [("None", None), ("3", {"value": 3}), ("[1, 2]", {"value": "[1, 2]"}), ("{'a': {'b': 1}}", {"a": '{"b": 1}'})],
)
def test_what_is_returned_becomes_columns(tmp_path: Path, returned: str, out: Any) -> None:
    def answer(text: str) -> Any:
        import ast

        return ast.literal_eval(text)

    assert run(tmp_path, answer, {"text": returned}) == out


def test_what_is_large_is_a_file(tmp_path: Path) -> None:
    def large(n: int) -> dict[str, Any]:
        return {"curve": list(range(n))}

    assert run(tmp_path, large, {"n": "9000"}) == {"return_file": RETURN_FILE}
    assert json.loads((tmp_path / RETURN_FILE).read_text()) == {"curve": list(range(9000))}


def test_short_values_beside_a_large_one_stay_columns(tmp_path: Path) -> None:
    def large(n: int) -> dict[str, Any]:
        return {"loss": 0.5, "curve": list(range(n)), "label": "ü"}

    assert run(tmp_path, large, {"n": "9000"}) == {"loss": 0.5, "label": "ü", "return_file": RETURN_FILE}
    assert json.loads((tmp_path / RETURN_FILE).read_text()) == large(9000)


def test_many_short_values_become_columns_as_far_as_they_fit(tmp_path: Path) -> None:
    def many(n: int) -> dict[str, int]:
        return {f"k{at}": at for at in range(n)}

    out = run(tmp_path, many, {"n": "20000"})
    assert 1000 < len(out) < 2000
    assert out["return_file"] == RETURN_FILE
    assert json.loads((tmp_path / RETURN_FILE).read_text()) == many(20000)


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    def half(x: float) -> dict[str, Any]:
        import numpy

        return {"half": numpy.float32(x) / 2, "both": numpy.array([1, 2])}

    assert run(tmp_path, half, {"x": "3"}) == {"half": 1.5, "both": "[1, 2]"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", "cell returned a set: return a value that JSON"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    def cell(x: int) -> Any:
        return {x}

    with pytest.raises(AssertionError, match=f"^{words}[^\n]*\n"):
        run(tmp_path, cell, {"x": text})


def typed(a: int, b: Optional[float], c: str | None, d: bool, e: list[int], f: Any) -> None:  # noqa: UP045
    """Takes each kind of annotation."""


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"a": "many"}, "row 1: typed takes 'a' as int, but the value is 'many'"),
        ({"a": 1.0}, "row 1: typed takes 'a' as int, but the value is '1.0'"),
        ({"a": None}, "row 1: typed takes 'a' as int, but the value is None"),
        ({"b": "x"}, "row 1: typed takes 'b' as float, but the value is 'x'"),
        ({"d": 1}, "row 1: typed takes 'd' as bool, but the value is '1'"),
        ({"e": "[1]"}, "row 1: typed takes 'e' as list, but the value is"),
        ({"e": {"x": 1}}, "row 1: typed takes 'e' as list, but the value is"),
    ],
)
def test_a_value_that_does_not_fit_its_annotation_is_refused(changed: dict[str, Any], words: str) -> None:
    fits = {"a": 1, "b": None, "c": None, "d": True, "e": [1], "f": {"x": 1}}
    function_files(typed, from_records([fits], function=True))
    with pytest.raises(CommandError, match=words):
        function_files(typed, from_records([fits, fits | changed], function=True))


def untyped(value):  # type: ignore[no-untyped-def]
    return {"value": repr(value)}


@pytest.mark.parametrize(
    "value", [1, -3, 2**70, 0.1, 1e-300, float("nan"), True, False, None, "1", "", [1, [None]], {"a": {"b": 1.5}}]
)
def test_without_an_annotation_a_function_gets_what_was_given(tmp_path: Path, value: Any) -> None:
    assert run(tmp_path, untyped, {"value": value}) == {"value": repr(value)}


def train(lr: float, seed: int, tag) -> dict:
    return {"loss": lr * seed, "tag": tag}


def test_the_key_of_a_function_is_that_of_kubeque_0_1() -> None:
    made = function_files(train, from_records([{"lr": "1", "seed": "2", "tag": "3"}]))
    assert made.call.key == "e72f013bf04f907a385c10d71da04e9c692eade7d8d2a1a074ddd9d3c7edc3e1"
    assert made.call.columns == ("tag",)


def test_names_of_the_script_are_not_in_the_way_of_the_functions(tmp_path: Path) -> None:
    def json(row: int, file: str) -> dict[str, Any]:
        import json

        return json.loads("{}") | {"row": row, "file": file}

    assert run(tmp_path, json, {"row": "1", "file": "f"}) == {"row": 1, "file": "f"}


def test_a_function_may_have_a_name_that_the_script_uses(tmp_path: Path) -> None:
    def kubeque_main(x: int) -> int:
        return x + 1

    def open(x: int) -> int:
        return x + 2

    def str(x: int) -> int:
        return x + 3

    for added, function in enumerate((kubeque_main, open, str), 1):
        (tmp_path / "out.json").unlink(missing_ok=True)
        assert run(tmp_path, function, {"x": "1"}) == {"value": 1 + added}


def test_the_name_of_a_script_fits_a_file_system(tmp_path: Path) -> None:
    folder = {"__name__": "m"}
    long = "f" * 300
    (tmp_path / "long.py").write_text(f"def {long}(x: int):\n    return x\n")
    exec(compile((tmp_path / "long.py").read_text(), str(tmp_path / "long.py"), "exec"), folder)
    assert run(tmp_path, folder[long], {"x": "1"}) == {"value": 1}  # type: ignore[arg-type]


def test_texts_that_span_lines_stay_as_they_are(tmp_path: Path) -> None:
    def text(x: int) -> str:
        return """
    as it
is"""

    assert run(tmp_path, text, {"x": "1"}) == {"value": "\n    as it\nis"}


def test_a_function_may_call_itself(tmp_path: Path) -> None:
    def factorial(n: int) -> int:
        return 1 if n < 2 else n * factorial(n - 1)

    assert run(tmp_path, factorial, {"n": "5"}) == {"value": 120}


def uses_outside(x: int) -> int:
    return x + OUTSIDE


def defaults_outside(x: int = OUTSIDE) -> int:
    return x


def has_more(x: int, **more: int) -> int:
    return x


@functools.cache
def cached(x: int) -> int:
    return x


class Model:
    def __call__(self, x: int) -> int:
        return x

    def predict(self, x: int) -> int:
        return x

    @classmethod
    def make(cls, x: int) -> int:
        return x


def wrapper(x: int) -> int:
    return x


wrapped = functools.wraps(uses_outside)(wrapper)


def pieces(x: int) -> Any:
    yield x


def enclosed() -> Callable[..., Any]:
    input = 3

    def function(x: int) -> int:
        return x + input

    return function


async def later(x: int) -> int:
    return x


def a_list(x: list) -> int:  # type: ignore[type-arg]
    return len(x)


@pytest.mark.parametrize(
    ("function", "constants", "words"),
    [
        (
            uses_outside,
            {},
            "uses 'OUTSIDE', which is defined outside uses_outside and is not sent: import",
        ),
        (defaults_outside, {}, "uses 'OUTSIDE'"),
        (has_more, {}, "has_more takes 'more' as variadic keyword: give each argument a name"),
        (
            cached.__wrapped__,
            {},
            "has the decorator @functools.cache, and kubeque does not send decorators: call functools.cache",
        ),
        (later, {}, "later is not a plain function"),
        (lambda x: x, {}, "is not a plain function"),
        (len, {}, "len is a builtin function: define a function with def that calls it"),
        (int, {}, "int is a class: define a function with def"),
        (Model, {}, "Model is a class"),
        (Model(), {}, "is an object, which is not sent: define a function with def"),
        (Model().predict, {}, "predict is a method, whose object is not sent: define a function with def"),
        (Model.make, {}, "make is a method"),
        (Model.predict, {}, "predict takes 'self'"),
        (functools.partial(has_more, x=1), {}, "is a partial, whose arguments are not sent: define a function"),
        (functools.cache(a_list), {}, "is an object, which is not sent"),
        (wrapped, {}, "is wrapped by a decorator, and kubeque does not send"),
        (pieces, {}, "pieces is a generator: return a list"),
        (enclosed(), {}, "function uses 'input', which is defined outside function"),
        (None, {}, "None is not a function: define a function with def"),
        ("text", {}, "'text' is not a function"),
        (a_list, {}, "row 0: a_list takes 'x' as list, but the value is '1': change the value"),
        (a_list, {"x": [1]}, "the argument 'x' of a_list is in the call and is also a column"),
    ],
)
def test_what_cannot_be_sent_is_refused(function: Any, constants: dict[str, Any], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        function_files(function, from_records([{"x": "1"}]), constants)


def test_an_argument_that_nobody_gives_is_named_with_the_columns_there_are() -> None:
    with pytest.raises(
        CommandError,
        match="a_list takes 'x', which is not a column: the columns are a, b; add the column, or pass 'x' in the call",
    ):
        function_files(a_list, from_records([{"a": 1, "b": 2}]))


def test_a_constant_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(CommandError, match="a_list is called with a value that JSON cannot hold"):
        function_files(a_list, from_records([{"a": 1}]), {"x": {1, 2}})
