"""`python -m kubeque.consumer.replay`: run one task again, on this machine, in a folder that is kept.

`jobs.replay` starts this program. It reads a description of the task from standard input, and writes the outcome to
standard output, both as JSON. While the command of the task runs, its output is copied to standard error if this was
requested. The program does not write to the queue or the store.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubeque.consumer.attempt import process_tree
from kubeque.consumer.attempt.input_cache import CACHE_BYTES, InputCache, StageFailed
from kubeque.consumer.attempt.log_tail import LiveTail
from kubeque.consumer.attempt.out_values import read_out
from kubeque.consumer.attempt.process import Ended, Limits, run_command
from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.consumer.attempt.task_environment import task_environment
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.files.layout import input_names
from kubeque.files.rows.row_pages import PageReader
from kubeque.files.sha256 import sha256_file
from kubeque.files.spec_file import read_spec_file
from kubeque.files.store import Files
from kubeque.model.errors import KubequeError
from kubeque.model.job.argv import task_argv
from kubeque.model.job.causes import Cause
from kubeque.model.job.inherited_environment import Environment, inheritable
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.rows import read_row
from kubeque.model.text import strip_controls

_PUMP_SECONDS = 0.2


def main() -> int:
    """Run the task that standard input describes. Return the exit code."""
    order = json.loads(sys.stdin.read())
    process_tree.adopt_orphans()
    try:
        print(json.dumps(_replay(order)))
    except KubequeError as error:
        print(f"kubeque: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _replay(order: dict[str, Any]) -> dict[str, Any]:
    files, folder = Files(), Path(order["folder"])
    Path(order["cache"]).mkdir(mode=0o700, parents=True, exist_ok=True)
    spec = read_spec_file(files, order["spec_url"], order.get("spec_hash", ""))
    row = read_row(spec.rows, order["index"], PageReader(order["job_url"], files, spec.rows.pages).page)
    names = input_names(spec, row)
    own = [spec.row_inputs[path] for path in names if path in spec.row_inputs]
    workdir = Workdir(folder.parent, folder.name)
    workdir.stage([*spec.inputs, *own], InputCache(Path(order["cache"]), files, CACHE_BYTES), row=row)
    argv = task_argv(spec, row, names)
    _write_script(folder / "run.sh", argv, workdir, _task_variables(order, spec, row, workdir, {}))
    ended = _run(order, spec, row, argv, workdir)
    out, problem = read_out(workdir.out)
    collected = workdir.collect(spec.results, spec.ignore)
    return {
        "command": argv, "row": row, "cause": ended.cause.value, "code": ended.code, "seconds": ended.seconds,
        "peak_memory": ended.peak_memory, "message": ended.message or problem or "", "out": out,
        "files": [{"name": f.name, "size": f.size, "digest": sha256_file(str(f.path))} for f in collected.files],
        "refused": collected.describe_refused(),
        **{name: _digest(path) for name, path in (("stdout", workdir.stdout), ("stderr", workdir.stderr))},
    }  # fmt: skip


def _run(order: dict[str, Any], spec: JobSpec, row: dict[str, str], argv: list[str], workdir: Workdir) -> Ended:
    inherited = _inherited(order, spec)
    env = _task_variables(order, spec, row, workdir, inherited.variables)
    with StopSignal() as stop:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set(Cause.KILLED))
        tails = [LiveTail(path, _show) for path in (workdir.stdout, workdir.stderr)] if order["echo"] else []
        done = threading.Event()
        echo = threading.Thread(target=_echo, args=(tails, done), daemon=True)
        echo.start()
        limits = Limits(spec.task_timeout, spec.grace_seconds, order["memory"])
        ended = run_command(
            argv, cwd=workdir.path, env=env, stdout=workdir.stdout, stderr=workdir.stderr, limits=limits, stop=stop,
            umask=inherited.umask,
        )  # fmt: skip
        done.set()
        echo.join()
    return ended


def _task_variables(
    order: dict[str, Any], spec: JobSpec, row: dict[str, str], workdir: Workdir, inherited: Mapping[str, str]
) -> dict[str, str]:
    return task_environment(
        spec, row, job_name=order["job"], index=order["index"], attempt=order["attempt"], out_path=workdir.out,
        inherited=inherited,
    )  # fmt: skip


def _write_script(path: Path, argv: list[str], workdir: Workdir, variables: Mapping[str, str]) -> None:
    """Write a script that runs the command again with the variables of the task.

    The variables that the task inherits from its submitter are not in the script.
    """
    words = ["env", *(f"{name}={value}" for name, value in variables.items()), *argv]
    text = f"#!/bin/sh\ncd {shlex.quote(str(workdir.path))} && exec {shlex.join(words)}\n"
    try:
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        path.chmod(0o700)
    except OSError as error:
        raise StageFailed(f"{path} cannot be written: {error.strerror}") from error


def _inherited(order: dict[str, Any], spec: JobSpec) -> Environment:
    """Return the environment that the task inherited, if `order` or `spec` contains it.

    Otherwise return the environment of this process. Specs of kubeque before 0.3 contain the environment.
    """
    if spec.local_env:  # submitted by kubeque before 0.3
        return Environment(spec.local_env)
    if wire := order.get("environment"):
        return Environment.from_wire(wire)
    return Environment(inheritable(os.environ))


def _echo(tails: list[LiveTail], done: threading.Event) -> None:
    while not done.wait(_PUMP_SECONDS):
        for tail in tails:
            tail.pump()
    for tail in tails:
        tail.close()


def _show(text: str) -> None:
    sys.stderr.write(strip_controls(text))
    sys.stderr.flush()


def _digest(path: Path) -> dict[str, Any]:
    there = path.is_file()
    return {"size": path.stat().st_size if there else 0, "digest": sha256_file(str(path)) if there else ""}


if __name__ == "__main__":
    sys.exit(main())
