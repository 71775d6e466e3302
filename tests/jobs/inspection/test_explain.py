"""The explanation of a job or a task names the cause and the next command, in each situation that stops a job."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.clusters.kubernetes.api import Address, KubernetesApi
from kubeque.clusters.kubernetes.cluster import KubernetesCluster
from kubeque.files.layout import spec_url
from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.explain import explain_job
from kubeque.model.config.config import Config
from kubeque.model.errors import UserError
from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.changes import close_job
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape
from kubeque.model.job.task import Outcome, TaskRecord, TaskState, TaskView
from kubeque.model.quantities import MI
from kubeque.model.rows.grid import sequence
from kubeque.model.stats.explanation import explain
from kubeque.model.stats.explanation_facts import Explanation, Facts
from kubeque.model.sweep.sweep import Sweep
from kubeque.queues.claim import claim
from kubeque.queues.reaper import reap
from tests.jobs.sweeps import Ended, ended_job
from tests.servers.api_server import ApiServer
from tests.waiting import until

ROWS = [{"x": str(number)} for number in range(4)]
EARLIER = "2001-09-09T01:40:00Z"


def submit(client: Client, command: list[str], rows: int = 3, **more: Any) -> None:
    client.submit(Sweep(command, name="j", rows=sequence(rows), consumers=1, **more))


def held(client: Client) -> None:
    submit(client, ["true"], canaries=1)
    client.wait("j", timeout=60)


def paused(client: Client) -> None:
    submit(client, ["sleep", "0.2"], rows=100)
    client.pause("j")


def without_consumer(client: Client) -> None:
    submit(client, ["sleep", "60"])
    client.stop()


def budget_spent(client: Client) -> None:
    submit(client, ["sh", "-c", "echo broken >&2; exit 3"], rows=1, retry_causes={"exit": 1})
    client.wait("j", timeout=60)


def deadline(client: Client) -> None:
    submit(client, ["sleep", "60"], deadline=0.3)
    client.pause("j")
    client.stop()
    until("its end", lambda: client.status("j").job.closing)


def stopped_early(client: Client) -> None:
    submit(client, ["sh", "-c", "echo broken >&2; exit 3"], rows=40)
    client.wait("j", timeout=60)


def too_many_failures(client: Client) -> None:
    submit(client, ["sh", "-c", 'test "$0" != 1', "{index}"], rows=5, max_failures=1)
    client.wait("j", timeout=60)


def linked(client: Client) -> None:
    rows = sequence(2)
    for name in ("first", "j"):
        client.submit(Sweep(["echo", "{index}"], name=name, rows=rows, series="s", skip_done=True))
        client.wait(name, timeout=60)


def killed(client: Client) -> None:
    submit(client, ["sleep", "60"])
    client.kill("j")
    until("its end", lambda: client.status("j").job.closing)


def behind(client: Client) -> None:
    client.submit(Sweep(["sleep", "60"], name="long", rows=sequence(5), consumers=1))
    until("a running task", lambda: client.progress("long").counts.running)
    submit(client, ["true"])


def store_away(client: Client) -> None:
    submit(client, ["sleep", "60"])
    client.stop()
    results = client.config.home / "results"
    results.rename(results.with_name("away"))


def success(client: Client) -> None:
    submit(client, ["true"])
    client.wait("j", timeout=60)


def running(client: Client) -> None:
    submit(client, ["sleep", "60"])
    until("a running task", lambda: client.progress("j").counts.running)


#: For each situation: cause, parts of the text, and the next command; for the job, and for one of its tasks.
SITUATIONS: dict[Callable[[Client], None], tuple[str, list[str], str, int, str, str]] = {
    held: ("held", ["j is held: its canaries have ended (1 ok, 0 failed)", "2 more tasks"], "kubeque go j",
           2, "held", "kubeque go j"),
    paused: ("paused", ["j is paused: no task starts"], "kubeque resume j", 99, "paused", "kubeque resume j"),
    without_consumer: ("no_consumer", ["j waits: no consumer runs for its 3 pending tasks"], "kubeque watch j",
                       0, "no_consumer", "kubeque watch j"),
    budget_spent: ("budget_spent", ["j failed: 1 task of 1 failed", "broken", "2 attempts ended by exit",
                                    "with 1 extra attempt allowed"], "kubeque show j 0",
                   0, "budget_spent", "kubeque show j 0"),
    deadline: ("deadline", ["j is stopped: its deadline", "3 tasks did not end", "the deadline starts again"],
               "kubeque reset j", 0, "deadline", "kubeque reset j"),
    stopped_early: ("stopped_early", ["j is stopped: the first", "all ended by exit 3", "broken"], "kubeque show j 0",
                    39, "stopped_early", "kubeque show j 0"),
    too_many_failures: ("stopped_early", ["max_failures is 1", "The first failure is of task 1"], "kubeque show j 1",
                        0, "ok", "kubeque show j 0"),
    linked: ("linked", ["j is a success: 2 of 2 tasks are ok, of which 2 are linked"], "kubeque fetch j FOLDER",
             1, "linked", "kubeque show j 1"),
    killed: ("killed", ["j is killed", "A reset runs the killed tasks"], "kubeque reset j",
             2, "killed", "kubeque reset j"),
    behind: ("behind", ["j waits behind long, which", "; long has 5 tasks left"], "kubeque priority j 1",
             0, "behind", "kubeque priority j 1"),
    store_away: ("away", ["j cannot be examined further", "spec-1.json"], "kubeque doctor",
                 0, "away", "kubeque doctor"),
    success: ("success", ["j is a success: 3 of 3 tasks are ok."], "kubeque fetch j FOLDER",
              0, "ok", "kubeque show j 0"),
    running: ("running", ["j runs: 0 of 3 tasks have ended"], "kubeque watch j", 0, "running", "kubeque peek j 0"),
}  # fmt: skip


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: str(situation.__name__))
def test_each_situation_has_its_cause_and_the_next_command(
    client: Client, tmp_path: Path, situation: Callable[[Client], None]
) -> None:
    situation(client)
    cause, parts, next_command, index, cause_of_task, next_of_task = SITUATIONS[situation]
    with Client(Config.load(start=tmp_path, home=tmp_path, environ={"KUBEQUE_HOME": str(client.config.home)})) as other:
        before = other.job("j")
        found = other.explain("j")
        assert (found.cause, found.command) == (cause, next_command), found
        assert all(part in found.text for part in parts), found.text
        of_task = other.explain("j", index)
        assert (of_task.cause, of_task.command) == (cause_of_task, next_of_task), of_task
        assert of_task.text.startswith(f"task {index} of j"), of_task.text
        assert other.job("j") == before
        with pytest.raises(UserError, match=f"j has no task {before.n}"):
            other.explain("j", before.n)


def test_a_suspect_runs_alone(backends: Backends) -> None:
    job = ended_job(backends, ROWS, lambda index: Ended(), run=False)
    claim(backends.queue, job, "local:machine:101:1", reserve=3)
    reap(backends.queue, job, find_death=lambda owner: Death())
    found = explain_job(backends, "sweep")
    assert (found.cause, found.command) == ("suspect", "kubeque watch sweep")
    assert "3 tasks of a consumer that vanished will run alone" in found.text
    found = explain_job(backends, "sweep", 0)
    assert (found.cause, found.command) == ("suspect", "kubeque watch sweep")
    assert "task 0 of sweep waits to run alone, because a consumer vanished while the task was reserved" in found.text


@pytest.mark.parametrize(
    ("counts", "closed", "says"),
    [
        (Counts(running=2, killed=2), False, "2 run and 0 wait, with 0 consumers. 2 rows were killed."),
        (Counts(ok=3, killed=1), True, "failed: 1 row of 4 was killed, and 3 are ok. A reset runs the killed rows"),
    ],
)
def test_killed_rows_are_not_failures(counts: Counts, closed: bool, says: str) -> None:
    job = Job("j", "u", 4, "file:///r")
    found = explain(Facts(close_job(job, counts, 1.0, killed_rows=counts.killed) if closed else job, counts, 0.0))
    assert says in found.text
    assert found.command == ("kubeque reset j --state killed" if closed else "kubeque watch j")


def test_a_killed_row_that_still_runs_says_when_it_ends() -> None:
    record = TaskRecord(1, kill="killed by a user")
    task = TaskView(2, TaskState.RUNNING, 0, record, "me")
    found = explain(Facts(Job("j", "u", 4, "file:///r"), Counts(running=1), 0.0, task=task))
    assert found.cause == "killed"
    assert "task 2 of j is being killed: its consumer stops it within about 5 s, unless it ends before." in found.text


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        (Cause.EXIT, "After a correction of its files, `kubeque reset j --update` runs the failed rows again"),
        (Cause.EXIT, "`kubeque sub --like j -n j --repair COMMAND` runs them with another command"),
        (Cause.OOM, "kubeque sub --like j -n j --repair --max-memory SIZE"),
    ],
)
def test_a_failure_names_a_command_that_keeps_the_rows_of_the_job(cause: Cause, says: str) -> None:
    record = TaskRecord(1, outcome=Outcome(2, 1, cause, 1))
    task = TaskView(2, TaskState.FAILED, 0, record)
    job = Job("j", "u", 4, "file:///r", shapes=(Shape(MI),))
    found = explain(Facts(job, Counts(failed=1), 0.0, task=task))
    assert says in f"{found.text} {found.command}"


# ---------------------------------------------------------------------- Kubernetes, from recorded objects
Ask = Callable[..., Explanation]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path, "a-token")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def ask(backends: Backends, server: ApiServer) -> Ask:
    """A function that explains a job of a cluster that has a Kubernetes Job and an event."""
    address = Address(f"https://{server.endpoint}", server.certificate.read_bytes(), lambda: server.token)
    api = KubernetesApi.at(lambda: address, context="", namespace="default")
    there = Backends(
        backends.config, backends.queue, backends.files, KubernetesCluster(api, backends.config, "default")
    )

    def ask(*, message: str = "", **spec: Any) -> Explanation:
        job = ended_job(there, ROWS, lambda index: Ended(), run=False)
        url = spec_url(job)
        stored = json.loads(there.files.read(url))
        there.files.write(url, json.dumps(stored | {"cluster": there.cluster.url}).encode())
        meta = {"name": "kq", "uid": "j", "creationTimestamp": EARLIER,
                "labels": {"kubeque/class": "0", "kubeque/fleet": job.fleet}}  # fmt: skip
        server.objects["/apis/batch/v1/namespaces/default/jobs/kq"] = {
            "metadata": meta, "spec": {"completions": 2, "parallelism": 2, **spec}, "status": {"startTime": EARLIER},
        }  # fmt: skip
        if message:
            server.objects["/api/v1/namespaces/default/events/e"] = {
                "metadata": {}, "involvedObject": {"uid": "j"}, "type": "Warning", "reason": "FailedCreate",
                "message": message,
            }  # fmt: skip
        return explain_job(there, "sweep")

    return ask


def test_a_quota_is_named(ask: Ask) -> None:
    found = ask(message="pods is forbidden: exceeded quota: few, requested: pods=1")
    assert (found.cause, found.command) == ("quota", "kubectl describe resourcequota")
    assert "sweep waits, because consumers do not start: no pod starts: pods is forbidden: exceeded quota" in found.text


def test_a_suspended_kubernetes_job_is_named(ask: Ask) -> None:
    found = ask(suspend=True)
    assert found.cause == "suspended"
    assert found.command.startswith("kubectl patch job kq")
    assert "its Kubernetes Job is suspended" in found.text


def test_without_an_answer_of_the_cluster_the_queue_answers(ask: Ask, server: ApiServer) -> None:
    server.unreadable = ("/jobs",)
    found = ask()
    assert (found.cause, found.command) == ("away", "kubeque doctor")
    assert "forbidden" in found.text
