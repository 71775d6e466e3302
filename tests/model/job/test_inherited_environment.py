"""The environment that tasks on one machine get from a submitting process, and the differences of two."""

from __future__ import annotations

import json

import pytest

from kubeque.model.job.inherited_environment import Environment

SHELL = {
    "PATH": "/mine/bin", "HOME": "/mine", "FOO": "two", "PYTHONPATH": "/mine/lib", "LD_PRELOAD": "x.so", "_x": "kept",
    "BASH_FUNC_f%%": "() { :; }", "latin\udce9": "caf\udce9", "odd\nname": "KUBEQUE_X", "TZ": "",
}  # fmt: skip
OWN = {"KUBEQUE_HOME": "/k", "KUBEQUE_\nX": "1", "PWD": "/x", "OLDPWD": "/y", "SHLVL": "2", "_": "/bin/env"}
AIRFLOW = {"AIRFLOW__CORE__FERNET_KEY": "secret", "AIRFLOW_HOME": "/airflow", "AIRFLOW_CONN_DB": "secret"}


def test_a_task_gets_all_of_its_submitters_environment_but_what_describes_a_process() -> None:
    found = Environment.of_submitter(SHELL | OWN | AIRFLOW, 0o027)

    assert (found.variables, found.umask) == (SHELL, 0o027)


@pytest.mark.parametrize("context", [{"AIRFLOW_CTX_DAG_ID": ""}, {}])
def test_from_an_airflow_task_only_places_and_languages_are_passed(context: dict[str, str]) -> None:
    passed = {
        "PATH": "/bin", "HOME": "/h", "LANG": "C", "LC_ALL": "C", "TZ": "UTC", "TMPDIR": "/t", "VIRTUAL_ENV": "/v",
        "CONDA_PREFIX": "/c",
    }  # fmt: skip
    worker = passed | AIRFLOW | context | {"DB_PASSWORD": "secret", "USER": "airflow", "PATHS": "x", "LANGUAGE": "x"}

    found = Environment.of_submitter(worker, 0o027, airflow=not context)

    assert (found.variables, found.umask) == (passed, None)


def test_an_environment_survives_the_wire_with_bytes_that_are_not_utf8() -> None:
    found = Environment(SHELL, 0o022)

    assert Environment.from_wire(json.loads(json.dumps(found.to_wire()))) == found


@pytest.mark.parametrize("wire", [{}, {"variables": [1]}, {"variables": {"A": 1}}, {"variables": {}, "umask": "077"}])
def test_another_form_is_refused(wire: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"it has no variables|its umask"):
        Environment.from_wire(wire)


def test_differences_are_names_without_values() -> None:
    one, other = Environment({"A": "1", "B": "2", "C": "3"}, 0o022), Environment({"A": "1", "B": "x", "D": "4"}, 0o077)

    assert one.differences(other) == ("B", "C", "D", "umask")
    assert one.differences(one) == ()
    assert "2" not in repr(one)
