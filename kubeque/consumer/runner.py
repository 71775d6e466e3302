"""Run the command of a staged task, with the environment and the limits of the task."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.attempt.disk_watch import DiskWatch
from kubeque.consumer.attempt.end_cause import explain_oom_here
from kubeque.consumer.attempt.failure import Failure, internal_failure
from kubeque.consumer.attempt.log_tail import print_streams
from kubeque.consumer.attempt.process import Ended, Limits, run_command
from kubeque.consumer.attempt.staged_task import FinishedTask, StagedTask
from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.consumer.attempt.task_environment import task_environment
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.consumer.coordinator import Coordinator
from kubeque.consumer.hosts.base import Host
from kubeque.consumer.hosts.ledger import Need
from kubeque.model.job.causes import Cause
from kubeque.model.job.shapes import Shape, lift_class
from kubeque.model.sweep.pod_options import PodOptions

#: Environment variable that lists the devices that CUDA programs may use.
_VISIBLE = "CUDA_VISIBLE_DEVICES"

log = logging.getLogger(__name__)


class Runner:
    """Runs the commands of staged tasks, one at a time."""

    def __init__(
        self, coordinator: Coordinator, host: Host, stop: StopSignal, told_to_leave: Callable[[], bool]
    ) -> None:
        self._coordinator = coordinator
        self._host = host
        self._stop = stop
        self._told_to_leave = told_to_leave
        self._running: StagedTask | None = None

    @property
    def running(self) -> StagedTask | None:
        """The task whose command runs now; None between two tasks."""
        return self._running

    def run(self, task: StagedTask) -> FinishedTask | None:
        """Run a staged task, and return it as finished. Return None if the task may not run now and was given back.

        For example, the task may not run if its lease was lost, if its job was paused, or if the consumer leaves.
        """
        began = time.monotonic()
        key = (task.job.uid, task.job.revision)
        self._coordinator.tell(on.TaskPicked(task.lease_id, task.runnable, key, task.index))
        killed = task.index in task.lease.killed
        checked = on.LeaseChecked(task.lease_id, task.lease.held, self._told_to_leave(), task.job.uid, killed)
        order = self._coordinator.tell(checked)
        may_run = do.RunTask() in order
        ended, failure = self._try_command(task) if may_run and task.runnable else (None, task.failure)
        if task.runnable:
            self._coordinator.tell(on.RunEnded(key if may_run else None, time.monotonic() - began))
        if may_run:
            return FinishedTask(task, ended, failure)
        task.give_back()
        self._coordinator.tell(on.TaskLeft())
        return None

    def _try_command(self, task: StagedTask) -> tuple[Ended | None, Failure | None]:
        """Run the command. Return (its end, None); after an unexpected error, return (None, the failure)."""
        try:
            return self._run_command(task), None
        except Exception as error:
            return None, internal_failure(error, f"{task}: running its command")

    def _run_command(self, task: StagedTask) -> Ended:
        self._host.record_task({"uid": task.job.uid, "index": task.index, "attempt": task.attempt})
        self._running = task
        try:
            return self._watch_command(task)
        finally:
            self._running = None
            task.lease.end_command(task.index)
            self._remove_stray_files()

    def _remove_stray_files(self) -> None:
        try:
            self._host.remove_stray_files()
        except Exception:  # the outcome of the command is already known
            log.exception("files that a command left outside of its working directory stay")

    def _watch_command(self, task: StagedTask) -> Ended:
        workdir, spec = task.workdir, task.spec
        assert workdir is not None
        shape = spec.shapes[lift_class(spec.shapes, task.lease.block.size_class, task.lease.job.floor)]
        env = task_environment(
            spec, task.row, job_name=task.job.name, index=task.index, attempt=task.attempt, out_path=workdir.out,
            inherited=task.environment.variables,
        )  # fmt: skip
        need = Need(spec.cpu or 0.0, shape.memory or 0, _gpus(task))
        with self._host.hold(need, lambda: self._stop.cause is not None) as devices:
            ended = self._run_in(workdir, task, shape, {**env, **_visible(task, devices)})
        reason = explain_oom_here(shape.memory, self._host.memory_limit) if ended.cause is Cause.OOM else ""
        return replace(ended, message=reason) if reason else ended

    def _run_in(self, workdir: Workdir, task: StagedTask, shape: Shape, env: Mapping[str, str]) -> Ended:
        watched = self._host.watched
        disk = DiskWatch(watched, shape.disk) if shape.disk is not None and watched else None
        task.lease.begin_command(task.index)
        with print_streams((workdir.stdout, workdir.stderr), self._host.echo, f"[{task.job.name} {task.index}] "):
            return run_command(
                task.argv, cwd=workdir.path, env=env, stdout=workdir.stdout, stderr=workdir.stderr,
                limits=Limits(task.spec.task_timeout, task.spec.grace_seconds, shape.memory), stop=self._stop,
                oom=self._host.oom, disk=disk, begun=self._host.record_process, umask=task.environment.umask,
            )  # fmt: skip


def _visible(task: StagedTask, devices: Sequence[str]) -> dict[str, str]:
    """Return the environment variable that lists the GPUs of a task.

    Return an empty dict if `devices` is empty, or if the sweep sets the variable itself.
    """
    return {_VISIBLE: ",".join(devices)} if devices and _VISIBLE not in task.spec.env else {}


def _gpus(task: StagedTask) -> int:
    """Return the number of GPUs that a task requests."""
    asked = task.spec.pod.get("gpu")
    return PodOptions.read({"gpu": asked}).gpu if asked else 0
