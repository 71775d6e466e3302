"""Where results are."""

from __future__ import annotations

import pytest

from kubeque.files.layout import result_url
from kubeque.model.job.job import Job
from kubeque.model.job.task import Cause, Outcome


@pytest.mark.parametrize(
    ("outcome", "url"),
    [
        (None, ""),
        (Outcome(3, 1, Cause.LOST), ""),
        (Outcome(3, 1, Cause.OK, folder="1-abc"), "gs://b/job/uid/tasks/3/1-abc"),
        (Outcome(3, 0, Cause.OK, folder="1-abc", linked="gs://b/old/u/tasks/7"), "gs://b/old/u/tasks/7/1-abc"),
    ],
)
def test_a_result_is_below_its_job_or_below_the_one_it_is_linked_to(outcome: Outcome | None, url: str) -> None:
    assert result_url(Job("job", "uid", 9, "gs://b/job/uid"), outcome) == url
