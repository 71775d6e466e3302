"""Run a consumer in which one function raises an error, and report how two jobs end.

`python -m tests.consumer.breaking FOLDER [FUNCTION...]` prints one JSON object for each function, for example
`kubeque/consumer/runner.py:Runner.run`; with `*3` behind a name, the first three calls fail. Without functions it takes
all functions of kubeque that are called between the reservation of a task and the record of its outcome.
`page=TEXT` and `spec=TEXT` replace the rows or the spec of the first job.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from unittest.mock import patch

import kubeque.jobs.submission.submit as submit
from kubeque.client import Client
from kubeque.clusters.slot import Slot
from kubeque.consumer import heartbeat, job_discovery, log_upload, loop
from kubeque.consumer.attempt import log_tail, process_tree
from kubeque.consumer.hosts.local import LocalHost
from kubeque.files.layout import page_url, spec_url
from kubeque.files.store import Files
from kubeque.model.config.config import Config
from kubeque.model.job.task import State
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep
from kubeque.queues.lease import Lease
from kubeque.queues.open import open_queue

_ROOT = Path(submit.__file__).parents[3]
#: The script of both jobs. It runs long enough for a heartbeat and an upload of logs.
_SCRIPT = 'echo out; echo err >&2; echo 1 > "$KUBEQUE_OUT"; echo {x} > f; sleep 0.3'
#: Maximum number of consumers that are started one after another until both jobs have ended.
_CONSUMERS = 4
#: Time limit of one consumer, seconds.
_PATIENCE = 20.0


class Injected(Exception):
    """The error that is raised."""


def name_of(code: CodeType) -> str:
    """Return the file and name of a function of kubeque; empty for other code."""
    path = code.co_filename
    inside = path.startswith(f"{_ROOT}/kubeque/") and "<" not in code.co_qualname.rpartition(".")[2]
    return f"{path[len(str(_ROOT)) + 1 :]}:{code.co_qualname}" if inside else ""


class Tracer:
    """Tracer that records functions called after a reservation, or raises an error at the first call of one."""

    def __init__(self, target: str = "", kept: Path = Path("/dev/null")) -> None:
        """`kept`: file to which the name of the thread with the error is written."""
        self._target = target
        self._kept = kept
        self._armed = False
        self.seen: dict[str, None] = {}
        self.hit = ""

    def start(self) -> None:
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if code is Lease.__init__.__code__:
            self._armed = True
        if not self._armed or not (name := name_of(code)):
            return
        if not self._target:
            self.seen[name] = None
        elif name == self._target and not self.hit:
            self.hit = threading.current_thread().name
            self._kept.write_text(self.hit)
            raise Injected(f"in {name}")


def fail_often(target: str, times: int) -> None:
    """Make the first calls of a function for the first job raise an error. A tracer can do this only once."""
    file, _, name = target.partition(":")
    owner: Any = sys.modules[file.removesuffix(".py").replace("/", ".")]
    *outer, last = name.split(".")
    for part in outer:
        owner = getattr(owner, part)
    real, left = getattr(owner, last), iter(range(times))

    def call(*args: Any, **kwargs: Any) -> Any:
        jobs = [getattr(value, "job", value) for value in args]
        if any(getattr(job, "name", "") == "victim" for job in jobs) and next(left, None) is not None:
            raise Injected(f"in {name}")
        return real(*args, **kwargs)

    setattr(owner, last, call)


def make_jobs(home: Path, script: str = _SCRIPT) -> Client:
    """Submit two jobs without starting a consumer."""
    home.mkdir()
    client = Client(Config.load(start=home, home=home, environ={"KUBEQUE_HOME": str(home)}))
    with patch.object(submit, "reconcile", lambda backends, name, **how: None):
        for name, priority in (("victim", 5), ("other", 0)):
            rows = from_records([{"x": "1"}])
            client.submit(Sweep([script], rows, name=name, shell=True, priority=priority))
    return client


def consume(client: Client, home: Path, tracer: Tracer | None = None, *, linger: float = 0.3) -> None:
    """Run one consumer until it leaves."""
    process_tree.adopt_orphans()
    job_discovery._FIRST = 0.05  # type: ignore[misc]
    heartbeat._TICK_SECONDS = heartbeat.REVIEW_SECONDS = heartbeat._REAP_SECONDS = 0.1  # type: ignore[misc, attr-defined]
    log_upload.FIRST_SECONDS = log_upload._LOOK_SECONDS = log_tail._SHOW_SECONDS = 0.1  # type: ignore[misc]
    (home / "fleet").mkdir(exist_ok=True)
    slot, url = Slot(home / "fleet", 0), client.config.queue_url
    assert slot.take()
    host = LocalHost.open(client.job("victim").fleet, home, slot, url, linger_seconds=linger)
    object.__setattr__(host, "echo", lambda lines: None)
    consumer = loop.Consumer(open_queue(url), Files(), host)
    if tracer is not None:
        tracer.start()
    consumer.run()


def in_child(work: Callable[[], None], log: Path) -> int:
    """Run `work` in a forked process and return its exit code; -9 if it did not end in time."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
            logging.basicConfig(level=logging.INFO, force=True)
            work()
            code = 0
        except BaseException:
            logging.exception("the consumer failed")
        finally:
            os._exit(code)
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, 9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def break_one(folder: Path, target: str) -> dict[str, Any]:
    """Run consumers until both jobs have ended; the first one breaks."""
    home = folder / f"{len(list(folder.iterdir()))}"
    client, began = make_jobs(home), time.monotonic()
    kind, _, text = target.partition("=")
    if kind in ("page", "spec"):
        job = client.job("victim")
        Files().write(page_url(job.url, 0) if kind == "page" else spec_url(job), text.encode())
    name, _, times = target.partition("*")

    def broken() -> None:
        if times:
            fail_often(name, int(times))
            consume(client, home, linger=2.0)
        else:
            consume(client, home, Tracer(name, home / "hit"))

    codes = [in_child(broken, home / "log")]
    while len(codes) < _CONSUMERS and not _are_over(client):
        codes.append(in_child(lambda: consume(client, home), home / "log"))
    victim, other = _causes(client)
    return {
        "target": target, "codes": codes, "seconds": round(time.monotonic() - began, 2), "log": str(home / "log"),
        "victim": victim, "other": other, "reason": client.job("victim").reason,
        "hit": (home / "hit").read_text() if (home / "hit").exists() else "",
    }  # fmt: skip


def _are_over(client: Client) -> bool:
    jobs = [client.job(name) for name in ("victim", "other")]
    return all(causes or not job.open for causes, job in zip(_causes(client), jobs, strict=True))


def _causes(client: Client) -> list[list[str]]:
    """Return the causes of all attempts of the broken job and of the other job; empty for a task that has not ended."""
    queue = open_queue(client.config.queue_url)
    try:
        blocks = [next(iter(queue.scan(queue.job(name)))) for name in ("victim", "other")]
        ended = [block.state(0) in (State.OK, State.FAILED) for block in blocks]
        return [
            [str(attempt.cause) for attempt in block.record(0).history] if end else []
            for block, end in zip(blocks, ended, strict=True)
        ]
    finally:
        queue.close()


def functions(folder: Path) -> list[str]:
    """Return the functions that one undisturbed consumer calls."""
    home, kept = folder / "undisturbed", folder / "functions"
    client = make_jobs(home)

    def watched() -> None:
        tracer = Tracer()
        consume(client, home, tracer)
        sys.settrace(None)
        kept.write_text("\n".join(tracer.seen))

    assert in_child(watched, home / "log") == 0, (home / "log").read_text()
    return kept.read_text().split("\n")


def main() -> None:
    folder, *names = sys.argv[1:]
    for name in names or functions(Path(folder)):
        print(json.dumps(break_one(Path(folder), name)), flush=True)


if __name__ == "__main__":
    main()
