"""Run one command: start it, watch its limits, stop it if necessary, and find the cause of its end."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from types import TracebackType

from kubeque.consumer.attempt import process_tree
from kubeque.consumer.attempt.disk_watch import DiskWatch, was_full
from kubeque.consumer.attempt.end_cause import cause_of_exit, explain_stop, own_code
from kubeque.consumer.attempt.memory_watch import LEAST_PEAK, MemoryWatch, OomCounter, raise_oom_score
from kubeque.consumer.attempt.start_errors import Refusal, explain
from kubeque.consumer.attempt.stop_signal import End, StopSignal
from kubeque.consumer.attempt.usage.usage_watch import UsageWatch
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.stats.usage import Usage
from kubeque.retry import retry

#: Seconds between two SIGKILLs. The signal is repeated until the command has ended, because a program may fork while
#: its process tree is read.
_KILL_AGAIN_SECONDS = 0.2
#: Seconds between two checks after SIGTERM whether the process group of the command has ended.
_LINGER_SECONDS = 0.01
#: Seconds before the next try to start a program that another process holds open for writing.
_BUSY_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one command."""

    #: Time limit, seconds; None: no limit.
    timeout: float | None = None
    #: Time between SIGTERM and SIGKILL, seconds.
    grace_seconds: float = 10.0
    #: Memory limit of the process tree, bytes, checked by samples; None: no limit.
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    cause: Cause
    #: Exit code, or the number of the signal for the cause `signal`; None if the command has no exit code and no signal
    #: ended it.
    code: int | None
    #: Start of the command, Unix time in seconds.
    start: float
    #: Time from the start of the command to its end, seconds.
    seconds: float
    #: Largest memory of the process tree, bytes; 0 if it was never measured.
    peak_memory: int = 0
    #: One line for users; empty for a plain success.
    message: str = ""
    #: Number of processes that the command left running. kubeque has killed them.
    left_behind: int = 0
    #: CPU, memory and GPU use over time; None for a short command.
    usage: Usage | None = None


def run_command(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: Path | int,
    stderr: Path | int,
    limits: Limits,
    stop: StopSignal,
    oom: OomCounter | None = None,
    disk: DiskWatch | None = None,
    begun: Callable[[int], None] = lambda pid: None,
    umask: int | None = None,
) -> Ended:
    """Run the command `argv` without a shell, wait until all of its processes have ended, and return how it ended.

    The command gets its own session and process group, /dev/null as standard input, and no other open file of this
    process. `stdout`, `stderr`: files to append to, or open descriptors. `stop`: requests to stop the command. `oom`:
    counter of out-of-memory kills in the cgroup of the command; None: no counter. `disk`: watch of the disk use; None:
    no disk limit. `begun`: function that is called with the pid of the command, which is also the number of its process
    group. `umask`: umask of the command; None: that of this process.

    Run only one command at a time. When a command ends, each new child of this process counts as left behind by the
    command, and is killed. If the program cannot be started, the cause is `exit` (code 127 or 126), and `stderr` has
    the reason. If the machine cannot start any program, the cause is `stage`.
    """
    if stop.cause:
        return Ended(stop.cause, None, time.time(), 0.0, message="stopped before it began")
    opened: list[int] = []
    try:
        start = time.time()
        try:
            out, err = (_open_stream(target, opened) for target in (stdout, stderr))
        except OSError as error:  # the disk is read-only or full
            message = f"the machine could not make {error.filename}: {error.strerror}"
            return Ended(Cause.STAGE, None, start, 0.0, message=message)
        launch, find_full = partial(_start, argv, cwd, env, out, err, umask), partial(was_full, stderr, cwd)
        return _run(launch, err, limits, stop, oom, disk, begun, find_full, env)
    finally:
        for fd in opened:
            os.close(fd)


def _run(
    launch: Callable[[], subprocess.Popen[bytes] | Refusal],
    err: int,
    limits: Limits,
    stop: StopSignal,
    oom: OomCounter | None,
    disk: DiskWatch | None,
    begun: Callable[[int], None],
    find_full: Callable[[], str],
    env: Mapping[str, str],
) -> Ended:
    """Start a command with `launch`, wait for its end, and return how it ended.

    `err`: descriptor of standard error. `find_full`: returns evidence of a full disk, or an empty text.
    """
    start, began = time.time(), time.monotonic()
    before = set(process_tree.own_children())
    kills = oom.read() if oom else 0
    process = launch()
    if isinstance(process, Refusal):
        with suppress(OSError):  # the disk is full
            os.write(err, f"kubeque: {process.message}\n".encode(errors="surrogateescape"))
        return Ended(process.cause, process.code, start, time.monotonic() - began, message=process.message)
    with _Run(process, limits, stop, before, disk, UsageWatch(began, env, before)) as run:
        begun(process.pid)
        run.wait()
        ended = time.monotonic()
        left = run.clean_up()
    usage, seconds = run.usage.finish(run.watch, ended), ended - began
    cause, code, message = run.verdict(oom is not None and oom.has_killed(kills, process.returncode))
    if cause in (Cause.EXIT, Cause.SIGNAL) and (evidence := find_full()):
        cause, message = Cause.DISK, f"no disk left ({evidence}): {message}"
    peak = run.watch.peak if run.watch.peak >= LEAST_PEAK else 0
    return Ended(cause, code, start, seconds, peak, message, left, usage)


def _open_stream(target: Path | int, opened: list[int]) -> int:
    """Return the descriptor of a stream. Add it to `opened` if the caller has to close it. Raises OSError."""
    if isinstance(target, int):
        return target
    opened.append(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666))
    return opened[-1]


def _start(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], out: int, err: int, umask: int | None
) -> subprocess.Popen[bytes] | Refusal:
    def start() -> subprocess.Popen[bytes]:
        # No preexec_fn: it would need fork instead of vfork, and a start would take 3.0 ms instead of 0.6 ms.
        return subprocess.Popen(
            list(argv), cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            start_new_session=True, umask=-1 if umask is None else umask,
        )  # fmt: skip

    try:
        # Repeat the start: a child that another thread has just forked may hold the staged program open for writing.
        process = retry(
            start, again=lambda error: getattr(error, "errno", 0) == errno.ETXTBSY, pauses=repeat(_BUSY_SECONDS, 2)
        )
    except (OSError, ValueError) as error:
        return explain(error, argv, cwd, env)
    raise_oom_score(process.pid)
    return process


class _Run:
    """A running command: waits for its end, and stops it if this is requested or if a limit is exceeded."""

    def __init__(
        self, process: subprocess.Popen[bytes], limits: Limits, stop: StopSignal, before: AbstractSet[int],
        disk: DiskWatch | None, usage: UsageWatch,
    ) -> None:  # fmt: skip
        self._process = process
        self._limits = limits
        self._stop = stop
        self._before = before
        self._end = End(process, stop)
        self._deadline = time.monotonic() + limits.timeout if limits.timeout is not None else None
        #: Cause of the stop; None if the command is not being stopped.
        self._cause: Cause | None = None
        self._terminated_at = 0.0
        self._kill_at: float | None = None
        self._killing = False
        self.watch = MemoryWatch(process.pid, limits.memory, before=before)
        self._disk = disk
        self.usage = usage

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end.close()
        if kind is not None:  # an error in the `with` block: the command must not outlive the consumer
            self._kill()
            self._process.wait()

    def wait(self) -> None:
        """Wait until the command has ended. Stop it if a stop is requested or a limit is exceeded."""
        self.watch.sample()
        while not self._end.wait(self._pause()):
            now = time.monotonic()
            if self._cause is None:
                self._stop_if_due(now)
            elif self._stop.cause and self._stop.grace_seconds is not None and self._kill_at is not None:
                self._kill_at = min(self._kill_at, self._terminated_at + self._stop.grace_seconds)
            if now >= self.watch.due and self.watch.sample():
                self._cause, self._kill_at = self._cause or Cause.OOM, now
            if now >= self.usage.due:
                self.usage.sample(self.watch)
            if self._disk is not None and now >= self._disk.due and self._disk.sample():
                self._cause, self._kill_at = self._cause or Cause.DISK, now
            if self._kill_at is not None and now >= self._kill_at:
                self._kill()
                self._kill_at = now + _KILL_AGAIN_SECONDS

    def _pause(self) -> float:
        deadline = self._deadline if self._cause is None else None
        moments = [self.watch.due, self.usage.due, self._kill_at, deadline, self._disk.due if self._disk else None]
        return min(moment for moment in moments if moment is not None) - time.monotonic()

    def _stop_if_due(self, now: float) -> None:
        """Send SIGTERM if a stop was requested or the time limit is exceeded."""
        grace = self._limits.grace_seconds
        if self._stop.cause:
            self._cause = self._stop.cause
            grace = grace if self._stop.grace_seconds is None else self._stop.grace_seconds
        elif self._deadline is not None and now >= self._deadline:
            self._cause = Cause.TIMEOUT
        else:
            return
        self._terminated_at, self._kill_at = now, now + grace
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # a suspended process gets no signal before it continues

    def _signal(self, number: int) -> bool:
        return process_tree.send(-self._process.pid, number)

    def _kill(self) -> None:
        self._killing = True
        self._signal(signal.SIGKILL)
        process_tree.kill_all({self._process.pid, *process_tree.own_children()} - self._before)

    def clean_up(self) -> int:
        """Kill and reap the processes that the command has left behind. Return how many of them were still running.

        After a stop, these processes first get the rest of the grace period.
        """
        if self._cause is not None and not self._killing:
            self._process.wait()
            self._linger()
        # Signal before the command is reaped: until then, the kernel does not reuse the number of its process group.
        self._signal(signal.SIGKILL)
        self._process.wait()
        return process_tree.kill_leftovers(self._before)

    def _linger(self) -> None:
        """Wait until the process group of the command has ended, but at most until the end of the grace period.

        For example, SIGTERM ends `sh` immediately, while a program that `sh` started may still save its work.
        """
        while self._kill_at is not None and time.monotonic() < self._kill_at:
            while _reap_one_of(self._process.pid):
                pass
            if not self._signal(0):
                return
            time.sleep(_LINGER_SECONDS)
            if self._stop.cause and self._stop.grace_seconds is not None:
                self._kill_at = min(self._kill_at, self._terminated_at + self._stop.grace_seconds)

    def verdict(self, oom_killed: bool) -> tuple[Cause, int | None, str]:
        """Return how the command ended: the cause, the code (see `Ended.code`) and a message.

        `oom_killed`: True if the kernel killed a process of the command for lack of memory.
        """
        code, cause = self._process.returncode, self._cause
        if cause is None:
            return cause_of_exit(code, oom_killed=oom_killed)
        used, limit = self.watch.peak, self._limits.memory or 0
        if cause is Cause.DISK and self._disk is not None:
            used, limit = self._disk.peak, self._disk.limit
        return cause, own_code(code), explain_stop(cause, used=used, limit=limit, timeout=self._limits.timeout)


def _reap_one_of(group: int) -> bool:
    try:
        return os.waitpid(-group, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False
