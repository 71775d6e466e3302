"""A jobspec: read, checked, joined."""

from __future__ import annotations

import json

import pytest

from kubeque.model.errors import JobspecError
from kubeque.model.sweep.jobspec import MAX_BYTES, merge, read_jobspec, sweep_fields
from tests.calls import count_calls

GOOD = {
    "$schema": "https://example.org/any",
    "version": 1,
    "command": ["python3", "^run.py", "{lr}", "{seed}"],
    "grid": {"lr": [0.1, 0.01], "seed": "1..5"},
    "env": {"MODE": "fast"},
    "memory": "1Gi",
    "cpu": 0.5,
    "retry_causes": {"lost": 5},
    "allow_failed": "1%",
    "shell": False,
}


def read(text: str | bytes) -> dict[str, object]:
    return read_jobspec(text if isinstance(text, bytes) else text.encode(), "job.json")


def test_what_a_file_says_comes_back_by_key():
    asked = read("\ufeff" + json.dumps(GOOD))
    assert asked == {key: value for key, value in GOOD.items() if key not in ("$schema", "version")}


BAD = {
    "empty": ("", "line 1, column 1"),
    "no JSON": ('{"command": ["a",]}', "column"),
    "no object": ('["a"]', "no JSON object"),
    "not UTF-8": (b'{"name": "\xff"}', "not UTF-8"),
    "binary": (bytes(range(256)) * 9, "not UTF-8"),
    "nested": ("[" * 200_000, "nested"),
    "NaN": ('{"cpu": NaN}', "NaN"),
    "digits": ('{"priority": ' + "9" * 5000 + "}", "digits"),
    "twice": ('{"name": "a", "name": "b"}', "'name' occurs twice"),
    "version": ('{"version": 2}', "reads version 1"),
    "near": ('{"comand": ["a"]}', "did you mean 'command'"),
    "the option's name": ('{"timeout": "5m"}', "did you mean 'task_timeout'"),
    "the option's other name": ('{"params": "a.csv"}', "did you mean 'parameters'"),
    "near an old name": ('{"retrys": {"lost": 5}}', "did you mean 'retry_causes'"),
    "far": ('{"qqqqqq": 1}', "the keys are parameters, delimiter, grid"),
    "one text": ('{"command": "python3 run.py"}', "command is \"python3 run.py\": write a list of texts"),
    "a number among texts": ('{"command": ["a", 3]}', "command[1] is 3"),
    "no number": ('{"consumers": "many"}', "write a whole number"),
    "true is no number": ('{"consumers": true}', "write a whole number"),
    "value by name": ('{"env": {"N": ["a"]}}', "env.N is of the wrong type: write texts by name"),
    "null": ('{"memory": null}', "memory is null"),
    "empty grid": ('{"grid": {"lr": []}}', "grid"),
    "rows of rows": ('{"parameters": [[1]]}', "parameters"),
    "long": ('{"name": ' + json.dumps(["x" * 100_000]) + "}", "name is"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_mistake_is_one_short_line_that_names_file_and_place(what: str):
    text, says = BAD[what]
    with pytest.raises(JobspecError) as caught:
        read(text)
    line = str(caught.value)
    assert line.startswith("job.json")
    assert says in line
    assert "\n" not in line
    assert len(line) < 600


def test_a_file_that_is_too_long_is_refused_before_it_is_read():
    with pytest.raises(JobspecError, match="larger than 8 MiB: put the rows into a CSV file"):
        read(b"[" * (MAX_BYTES + 1))


def test_each_row_of_a_jobspec_is_checked_with_few_calls():
    text = json.dumps({"command": ["a"], "parameters": [{"n": index} for index in range(10_000)]})
    found = []
    calls = count_calls(lambda: found.append(read(text)))
    assert len(found[0]["parameters"]) == 10_000
    assert calls < 40 * 10_000


def test_the_command_line_replaces_values_and_joins_those_by_name():
    file = {"env": {"A": "1", "B": "1"}, "push": ["a"], "memory": "1Gi", "parameters": "a.csv", "grid": {"x": [1]}}
    over = {"env": {"B": "2"}, "push": ["b"], "repeat": 3}
    kept = {"env": {"A": "1", "B": "2"}, "push": ["b"], "memory": "1Gi"}
    assert merge(file, over) == {**file, **kept, "repeat": 3}
    others = {name: file[name] for name in ("env", "push", "memory")}
    assert merge(file | {"repeat": 3, "zip": True}, {"each": ["*"]}) == {**others, "each": ["*"]}
    assert merge({"grid": {"x": [1]}}, {"grid": {"y": [2]}}) == {"grid": {"y": [2]}}


def test_keys_become_the_fields_of_a_sweep():
    assert sweep_fields({"command": ["a"], "task_timeout": "5m", "fetch": "out", "grid": {}}) == {
        "command": ["a"],
        "task_timeout": "5m",
    }
