"""A submission that changes only options of an existing job names the options that the job keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.model.sweep.options import OPTIONS
from kubeque.model.sweep.sweep import Sweep

FIRST = Sweep(["true"], name="job", consumers=1, priority=1)
SECOND: dict[str, Any] = {
    "consumers": 2, "priority": 7, "retry_causes": {"exit": 1}, "max_failures": 3, "allow_failed": "1%",
    "deadline": "2h", "lease": "5m", "series": "nightly", "results_ttl": "30d", "run_on": "work",
    "results_wait": "2h",
}  # fmt: skip


def test_an_equal_submission_has_no_note(client: Client) -> None:
    client.submit(FIRST)
    again = client.submit(FIRST)
    untyped = client.submit(Sweep(["true"], name="job"))

    assert (again.what, again.notes, untyped.what, untyped.notes) == ("adopted", (), "adopted", ())


def test_the_tests_have_each_option_of_the_job() -> None:
    assert {option.sweep_field for option in OPTIONS if option.kept.startswith("job.")} | {"retry_causes"} == set(
        SECOND
    )


@pytest.mark.parametrize("name", SECOND)
def test_each_option_that_the_job_keeps_is_named(client: Client, name: str) -> None:
    client.submit(FIRST)
    again = client.submit(replace(FIRST, **{name: SECOND[name]}))

    assert again.what == "adopted"
    assert [note.partition(": ")[0] for note in again.notes] == [f"the existing job keeps its own {name}"]


def test_the_remedies_are_the_commands_that_change_the_options(client: Client) -> None:
    client.submit(FIRST)
    (note,) = client.submit(replace(FIRST, **SECOND)).notes

    assert note.endswith(
        ": kubeque priority job changes priority, kubeque scale job changes consumers, --replace runs all rows with the"
        " new values"
    )
