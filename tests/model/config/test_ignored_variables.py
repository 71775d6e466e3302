"""The line about variables that look like settings of kubeque."""

from __future__ import annotations

import pytest

from kubeque.model.config.config_file import KEYS
from kubeque.model.config.ignored_variables import ignored_variables_note

START = "kubeque reads no setting from the environment except KUBEQUE_HOME: "


@pytest.mark.parametrize("key", KEYS)
def test_each_key_of_the_configuration_has_its_remedy(key: str) -> None:
    name = f"KUBEQUE_{key.upper()}"
    assert ignored_variables_note([name, "PATH"]) == f"{START}{name}: write {key} = VALUE in a .kubeque file"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("KUBEQUE_QUEUE", "write queue_url = VALUE in a .kubeque file"),
        ("KUBEQUE_QUEUEURL", "write queue_url = VALUE in a .kubeque file"),
        ("KUBEQUE_STORE", "write default_url_prefix = VALUE in a .kubeque file"),
        ("KUBEQUE_CLUSTER", "write cluster_url = VALUE in a .kubeque file"),
        ("KUBEQUE_CONFIG", "give the file with --config"),
        ("KUBEQUE_HOMES", "did you mean KUBEQUE_HOME?"),
        ("KUBEQUE_DATA_DIR", "did you mean KUBEQUE_HOME?"),
    ],
)
def test_a_similar_name_gets_a_remedy(name: str, remedy: str) -> None:
    assert ignored_variables_note([name]) == f"{START}{name}: {remedy}"


@pytest.mark.parametrize(
    "name",
    [
        "KUBEQUE_HOME", "KUBEQUE_JOB_ID", "KUBEQUE_TASK_INDEX", "KUBEQUE_ATTEMPT", "KUBEQUE_OUT", "KUBEQUE_ROW_TYPES",
        "KUBEQUE_PARAM_QUEUE_URL", "KUBEQUE_PARAM_LR", "KUBEQUE_POD_NAME", "KUBEQUE_MY_OWN", "_KUBEQUE_COMPLETE",
        "AIRFLOW_CONN_KUBEQUE_DEFAULT", "QUEUE_URL",
    ],
)  # fmt: skip
def test_variables_of_tasks_and_of_other_programs_get_no_line(name: str) -> None:
    assert ignored_variables_note([name]) == ""


def test_several_variables_are_in_one_line() -> None:
    note = ignored_variables_note(["KUBEQUE_STORE", "KUBEQUE_QUEUE"])
    assert note.count("\n") == 0
    assert "KUBEQUE_QUEUE: write queue_url" in note
    assert "; KUBEQUE_STORE: write default" in note
