"""The values that a sweep accepts from Python, by type, and the messages about others."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kubeque.model.command.task_variables import ROW_TYPES
from kubeque.model.errors import UserError
from kubeque.model.function.call_function import TYPES_VARIABLE
from kubeque.model.job.spec import FunctionCall
from kubeque.model.sweep.options import OPTIONS, Option
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.wording import COMMAND_LINE, speaking

SECRET = "s3cr3t"


def check(**values: Any) -> Sweep:
    return Sweep(**{"command": ["true"], **values}).check()


@pytest.mark.parametrize(
    ("field", "value", "becomes"),
    [
        ("env", {"A": 4, "B": 0.5, "C": True, "D": np.float64(1.5)}, {"A": "4", "B": "0.5", "C": "true", "D": "1.5"}),
        ("command", ["python3", 5, Path("a/b"), True], ("python3", "5", "a/b", "true")),
        ("push", [Path("data")], ("data",)),
        ("base", "x", Path("x")),
        ("priority", np.int64(5), 5),
        ("consumers", 4.0, 4),
        ("shell", np.True_, True),
        ("pod", {"gpu": 1, "env_from_secret": "login"}, {"gpu": 1, "env_from_secret": "login"}),
    ],
)
def test_a_value_of_a_similar_type_is_converted(field: str, value: Any, becomes: Any) -> None:
    assert getattr(check(**{field: value}), field) == becomes


def test_a_number_of_more_digits_than_python_writes_is_refused() -> None:
    for field in ("memory", "cpu", "task_timeout", "allow_failed", "consumers"):
        with pytest.raises(UserError, match=field):
            check(**{field: 10**5000})


def test_rows_may_be_a_list_of_dicts() -> None:
    assert list(check(rows=[{"x": 1}, {"x": 2}], command=["echo", "{x}"]).rows) == [("1",), ("2",)]


@pytest.mark.parametrize("field", [field.name for field in fields(Sweep) if field.name not in ("command", "rows")])
def test_none_is_the_default(field: str) -> None:
    assert check(**{field: None}) == check()


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("command", "python3 run.py", "command 'python3 run.py': write a list of texts"),
        ("command", ["echo", None], "command[1] None: write a list of texts"),
        ("command", ["echo", "\0"], "command[1]: '\\x00' has a NUL"),
        ("rows", "p.csv", "rows is the text 'p.csv', not a list: read a CSV file"),
        ("rows", 3, "the parameters are 3: give a list of dicts"),
        ("rows", None, "the parameters are None"),
        ("results", "*.png", "results '*.png': write a list of texts"),
        ("results", ["[z-a]"], "bad character range"),
        ("push", "data", "push 'data': write a list of texts"),
        ("ignore", 5, "ignore 5: write a list of texts"),
        ("priority", "5", "priority '5': write a whole number"),
        ("priority", True, "priority True: write a whole number"),
        ("priority", 10**30, "write a whole number"),
        ("consumers", "2", "consumers '2': write a whole number"),
        ("consumers", 0, "consumers 0: give a number from 1 to 10000"),
        ("shell", "yes", "shell 'yes': write true or false"),
        ("memory", ["1Gi"], "memory ['1Gi']: write a size"),
        ("memory", "x" * 10_000, "is not a quantity"),
        ("allow_failed", "9" * 5000, "give a count or a share"),
        ("retry_causes", {"lost": "5"}, "retry_causes 'lost' '5': write numbers by cause"),
        ("retry_causes", 3, "retry_causes 3: write numbers by cause"),
        ("name", 5, "name 5: write a text"),
        ("name", ".cas", "begins with a dot"),
        ("image", ["a"], "image ['a']: write a text"),
        ("series", "\ud800", "in UTF-8"),
        ("base", b"x", "base b'x': write a path"),
        ("origin", [1], "origin is of type list"),
        ("inputs", ["x"], "take them from Client.like"),
        ("pod", {"gpus": 1}, "unknown pod option 'gpus': did you mean 'gpu'?"),
        ("pod", {"volumes": 5}, "volumes 5: write a list of texts"),
        ("pod", {"pod_template": {"spec": {"x": {1}}}}, "values that JSON can hold"),
        ("pod", ["gpu"], "pod ['gpu']: write options of pods by name"),
        ("env", ["A=1"], "env is of type list: write texts by name"),
        ("env", {"A": None}, "env 'A': a value of type NoneType cannot be text"),
        ("env", {"A": [SECRET]}, "env 'A': a value of type list cannot be text"),
        ("env", {"A": f"{SECRET}\0"}, "env 'A': the value has a NUL"),
        ("env", {"A": SECRET * 100_000}, "env 'A': the value is over 120 KiB"),
        ("env", SECRET, "env is of type str"),
        ("env", {"A=B": SECRET}, "env: the name 'A=B' is not valid"),
        ("env", {"": SECRET}, "env: the name '' is not valid"),
        ("env", {1: SECRET}, "env: the name 1 is not valid"),
    ],
)
def test_another_value_is_refused_with_field_and_remedy(field: str, value: Any, told: str) -> None:
    with pytest.raises(UserError) as caught:
        check(**{field: value})
    line = str(caught.value)
    assert told in line
    assert SECRET not in line
    assert len(line) < 400


@pytest.mark.parametrize("name", ["KUBEQUE_OUT", "KUBEQUE_JOB_ID", "KUBEQUE_TASK_INDEX", "KUBEQUE_ATTEMPT"])
def test_a_variable_that_kubeque_sets_for_each_task_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"env '{name}': kubeque sets this variable for each task: choose another name"):
        check(env={name: SECRET})


def test_a_variable_of_a_column_is_refused_and_other_names_are_kept() -> None:
    rows = [{"x-scale": 1}]
    with pytest.raises(
        UserError, match=r"env 'KUBEQUE_PARAM_X_SCALE': .* of the column 'x-scale': choose another name"
    ):
        check(rows=rows, env={"KUBEQUE_PARAM_X_SCALE": SECRET})
    kept = {"KUBEQUE_PARAM_LR": "1", "KUBEQUE_HOME": "/h", "PWD": "/p", "SHLVL": "2", "_": "x", "AIRFLOW_HOME": "/a"}
    assert check(rows=rows, env=kept).env == kept


def test_a_call_of_a_function_keeps_the_types_of_its_values() -> None:
    assert ROW_TYPES == TYPES_VARIABLE
    with pytest.raises(UserError, match="env 'KUBEQUE_ROW_TYPES': kubeque sets this variable for each task"):
        check(function=FunctionCall("key", (), ()), env={"KUBEQUE_ROW_TYPES": SECRET})
    assert check(env={"KUBEQUE_ROW_TYPES": "x"}).env


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("consumer", "did you mean 'consumers'?"),
        ("retries", "did you mean 'retry_causes'?"),
        ("try", "did you mean 'canaries'?"),
        ("gpu", "it is an option of pods: write pod={'gpu': ...}"),
        ("qqq", "the arguments are command, rows, name"),
    ],
)
def test_an_unknown_argument_is_refused_with_the_nearest(name: str, told: str) -> None:
    with pytest.raises(UserError, match="Sweep has no argument") as caught:
        Sweep(["true"], **{name: 3})
    assert told in str(caught.value)


#: Values that hardly any option accepts.
WRONG = (-1, 0, 10**12, "x y", "", [object()], {"a": object()}, object())


WITH_FIELD = [option for option in OPTIONS if option.pod or option.sweep_field]


@pytest.mark.parametrize("option", WITH_FIELD, ids=lambda option: option.name)
def test_the_error_for_a_wrong_value_has_the_name_of_the_python_argument(option: Option) -> None:
    name = option.name if option.pod else option.sweep_field
    messages = []
    for value in WRONG:
        try:
            check(**{"pod": {name: value}} if option.pod else {name: value})
        except UserError as error:
            messages.append(str(error))
    assert messages
    for message in messages:
        assert "--" not in message
        assert name in message


def test_the_command_line_names_its_own_options() -> None:
    with speaking(COMMAND_LINE), pytest.raises(UserError, match="--try 0: give a number of rows from 1 to 1000"):
        check(canaries=0)
    with pytest.raises(UserError, match=r"^canaries 0: give a number of rows"):
        check(canaries=0)
