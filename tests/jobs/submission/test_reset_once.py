"""A reset for one run of a job: of several simultaneous requests, one resets the job."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kubeque.jobs.backends import Backends
from kubeque.jobs.submission.reset import reset
from kubeque.model.errors import UserError
from kubeque.model.job.causes import Cause
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.row_selection import RowSelection
from tests.jobs.sweeps import Ended, ended_job, make_backends


def how(index: int) -> Ended:
    return Ended(Cause.EXIT if index % 2 else Cause.OK)


def request(backends: Backends, run: int, selection: RowSelection) -> bool:
    try:
        reset(backends, "sweep", ResetRule(), selection=selection, run=run)
    except UserError:
        return False
    return True


@pytest.mark.parametrize("rows", [None, "0-9"])
def test_one_of_several_simultaneous_requests_resets_the_job(tmp_path: Path, rows: str | None) -> None:
    backends = make_backends(tmp_path)
    ended_job(backends, [{"n": n} for n in range(20)], how)
    selection = RowSelection.parse(index=rows)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: request(backends, 0, selection), range(4)))
    assert sorted(done) == [False, False, False, True]
    assert backends.queue.job("sweep").run == 1
    with pytest.raises(UserError, match="reset in the meantime"):
        reset(backends, "sweep", ResetRule(), selection=selection, run=0)
    assert backends.queue.job("sweep").run == 1
    backends.close()
