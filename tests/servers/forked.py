"""Start programs as forks of a process that has imported kubeque. A start takes 80 ms of CPU time instead of 500 ms."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
#: Prefixes of environment variables that Python reads when it starts. A fork cannot change their effect.
_OF_PYTHON = ("PYTHON", "LANG", "LC_", "LD_")


class ForkServer:
    """The process that forks. `imports`: modules that the programs import besides kubeque."""

    def __init__(self, *imports: str) -> None:
        self._control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._environment = _of_python(os.environ)
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.servers.fork_server", *imports],
                cwd=_ROOT, stdin=far, stdout=subprocess.DEVNULL,
            )  # fmt: skip

    def popen(self, module: str, words: Sequence[str], env: Mapping[str, str], **options: Any) -> subprocess.Popen[Any]:
        """Start `python -m MODULE WORDS`, with options of Popen, as a fork if that can have this environment."""
        if _of_python(env) == self._environment:
            return _Forked(self, module, words, env=env, **options)
        argv = ["env", "--default-signal=INT", sys.executable, "-m", module, *words]
        return subprocess.Popen(argv, env=env, **options)

    def close(self) -> None:
        """End the server. Its programs continue."""
        self._control.close()
        self._process.wait()

    def start(self, call: dict[str, Any], streams: Sequence[int]) -> int:
        """Start a program. Return a file descriptor that yields its pid, and later its exit code."""
        status, far = os.pipe()
        request = os.memfd_create("request")
        try:
            with open(request, "wb", closefd=False) as file:
                file.write(json.dumps(call).encode())
            os.lseek(request, 0, os.SEEK_SET)
            with self._lock:
                socket.send_fds(self._control, [b"x"], [*streams, far, request])
        finally:
            os.close(far)
            os.close(request)
        return status


def _of_python(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_OF_PYTHON)}


@cache
def _commands(owner: int) -> ForkServer:
    """Return the server of the commands that a process starts."""
    return ForkServer("jsonschema.validators", "psycopg", "rich.live", "rich.progress", "rich.table", "sqlite3")


def start_kubeque(words: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start `kubeque WORDS`, whose output is text in pipes."""
    pipe = subprocess.PIPE
    return _commands(os.getpid()).popen("kubeque.cli", words, env, cwd=cwd, text=True, stdout=pipe, stderr=pipe)


def run_kubeque(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run `kubeque WORDS` and wait for its end."""
    with start_kubeque(words, cwd=cwd, env=env) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


class _Forked(subprocess.Popen[Any]):
    """A program that the server started. It is not our child: the server reports its end."""

    def __init__(self, server: ForkServer, module: str, words: Sequence[str], **options: Any) -> None:
        self._server = server
        self._module = module
        self._status = -1
        self._reaping = threading.Lock()
        super().__init__(list(words), **options)

    def _execute_child(self, words: Sequence[str], *options: Any) -> None:
        # Arguments of CPython: options[4:6] are folder and environment, options[9:15] the near and far ends of streams.
        cwd, env = options[4] or os.getcwd(), options[5]
        ends = (options[10], options[9]), (options[11], options[12]), (options[13], options[14])
        umask = os.umask(0o77)
        os.umask(umask)
        call = {"module": self._module, "words": list(words), "cwd": str(cwd), "env": dict(env), "umask": umask}
        try:
            streams = [far if far >= 0 else number for number, (_, far) in enumerate(ends)]
            self._status = self._server.start(call, streams)
            self.pid = int(self._line())
            self._child_created = True
        finally:
            for near, far in ends:
                if near >= 0:  # a pipe, whose far end is the program's
                    os.close(far)

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n") and (more := os.read(self._status, 1)):
            line += more
        return line

    def _wait(self, timeout: float | None) -> int:
        with self._reaping:
            if self.returncode is None:
                if not select.select([self._status], [], [], timeout)[0]:
                    assert timeout is not None
                    raise subprocess.TimeoutExpired(self.args, timeout)
                self.returncode = int(self._line())
                os.close(self._status)
            return self.returncode

    def _internal_poll(self, *options: Any, **more: Any) -> int | None:
        try:
            return self._wait(0)
        except subprocess.TimeoutExpired:
            return None
