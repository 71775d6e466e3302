"""Any Python value that is given to a sweep, to `kubeque.map` or in a jobspec runs, or is refused with a message."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from kubeque.cli.sweep_request import make_sweep
from kubeque.client import Client
from kubeque.jobs.backends import Backends
from kubeque.jobs.submission.draft import draft
from kubeque.mapping import function_sweep
from kubeque.model.config.config import Config
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.grid import sequence
from kubeque.model.rows.parameters import to_rows
from kubeque.model.sweep.jobspec import read_jobspec
from kubeque.model.sweep.options import OPTIONS
from kubeque.model.sweep.sweep import Sweep
from tests.any_values import ANY, BY_FIELD, BY_OPTION, some
from tests.jobs.sweeps import make_backends

#: The last test runs what the others found.
pytestmark = pytest.mark.xdist_group("any_input")
#: Maximum length of an error message, in characters.
_MESSAGE = 1200
#: Number of accepted sweeps that a consumer runs.
_RUN = 24
FIELDS = [field.name for field in fields(Sweep)]


def often(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )


class Desk:
    """Helper that drafts sweeps as a submission does, without storing anything. It keeps the accepted sweeps."""

    def __init__(self, backends: Backends) -> None:
        self.backends = backends
        #: By the names of the fields and the types of their values.
        self.accepted: dict[str, Sweep] = {}

    def draft(self, make: Callable[[], Sweep], values: Any = None) -> None:
        try:
            sweep = make().check()
            wanted = draft(self.backends, sweep)
        except UserError as error:
            assert len(str(error)) < _MESSAGE  # noqa: PT017
            return
        job = wanted.job(self.backends, "any")
        assert JobSpec.from_wire(json.loads(json.dumps(wanted.spec.to_wire()))).digest() == wanted.spec.digest()
        stored = json.dumps(job.to_wire())
        assert json.dumps(Job.from_wire(json.loads(stored)).to_wire()) == stored
        assert math.isfinite(job.priority)
        self.accepted.setdefault(repr([(name, type(value).__name__) for name, value in sorted(values.items())]), sweep)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    backends = make_backends(tmp_path_factory.mktemp("desk"))
    yield Desk(backends)
    backends.close()


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start relative paths in an empty folder. The push `.` would read the whole checkout with its environments."""
    monkeypatch.chdir(tmp_path)


@often(900)
@given(some(FIELDS, BY_FIELD))
def test_a_sweep(desk: Desk, values: dict[str, Any]) -> None:
    desk.draft(lambda: Sweep(**{"command": ["true"], "base": desk.backends.config.home, **values}), values)


@often(300)
@given(ANY)
def test_rows(desk: Desk, rows: Any) -> None:
    desk.draft(lambda: Sweep(["true"], rows=rows), {"rows": rows})


def one(a: str = "") -> str:
    return a


@often(400)
@given(some([*{*FIELDS, *BY_OPTION, "consumer", "a b"}], {**BY_OPTION, **BY_FIELD}))
def test_arguments_of_map(desk: Desk, values: dict[str, Any]) -> None:
    folder = desk.backends.config.home
    desk.draft(lambda: function_sweep(one, to_rows([{"a": 1}]), folder, values), values)


@often(400)
@given(some([option.name for option in OPTIONS], BY_OPTION))
def test_a_jobspec(desk: Desk, tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]) -> None:
    try:
        data = json.dumps({"command": ["true"], **values}).encode()
    except (TypeError, ValueError):
        return
    folder = desk.backends.config.home

    def make() -> Sweep:
        with Client(desk.backends.config) as client:
            return make_sweep(client, {**read_jobspec(data, "jobspec"), "base": str(folder)})

    if not {"like", "pod_template"} & values.keys():  # jobs and files that do not exist are errors of their own
        desk.draft(make, values)


def test_a_consumer_survives_what_was_accepted(desk: Desk, tmp_path: Path) -> None:
    if not desk.accepted:
        pytest.skip("the tests above run first")
    config = Config.load(start=tmp_path, home=tmp_path, environ={"KUBEQUE_HOME": str(tmp_path / "home")})
    few = list(desk.accepted.values())
    assert len(few) > _RUN
    with Client(config) as client:
        for number, sweep in enumerate(few[:: max(1, len(few) // _RUN)]):
            client.submit(replace(sweep, name=f"job-{number}", base=desk.backends.config.home, consumers=1))
        client.submit(Sweep(["true"], name="witness", rows=sequence(3)))
        for job in client.jobs():
            progress = client.wait(job.name, timeout=60)
            assert progress.held or progress.job.closing is not None
        assert client.job("witness").closing.success  # type: ignore[union-attr]
        client.stop()
    logs = [path.read_text() for path in (tmp_path / "home" / "fleet").glob("*.log")]
    assert logs
    assert [log for log in logs if "Traceback" in log] == []
