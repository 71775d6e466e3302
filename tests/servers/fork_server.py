"""A process that has imported kubeque and runs `python -m MODULE WORDS` in forks of itself.

    python -m tests.servers.fork_server IMPORT...

A fork is a process with streams, folder, environment, signals and exit code of its own, as a started program is, but
the imports of a start, half a second of a core, are done once.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import tempfile
import time
from contextlib import suppress
from importlib import import_module
from typing import Any


def main() -> None:
    """Serve the requests of the socket on standard input until it is closed; a fork of this process runs a program."""
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the processes that wait for programs end unseen
    while received := socket.recv_fds(control, 1, 5)[1]:
        if os.fork() == 0:
            control.close()
            if _run(received):
                return
            os._exit(0)
        for descriptor in received:
            os.close(descriptor)


def _load() -> None:
    """Import what the programs import. A library must not have started threads, which do not survive a fork."""
    import kubeque

    for module in pkgutil.walk_packages(kubeque.__path__, "kubeque."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in sys.argv[1:]:
        with suppress(ImportError):
            import_module(name)
    gc.freeze()  # a fork would otherwise visit all objects at its end, and copy their pages


def _run(received: list[int]) -> bool:
    """Start a program and report its pid and its end. False in the process that waits for it, which has to end."""
    *streams, status, request = received
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid:
        for descriptor in streams:
            os.close(descriptor)
        os.write(status, b"%d\n" % pid)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(BrokenPipeError):
            os.write(status, b"%d\n" % code)
        return False
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    with open(request, "rb") as wanted:
        call: dict[str, Any] = json.load(wanted)
    for descriptor in (*streams, status):
        os.close(descriptor)
    _become(call)
    return True


def _become(call: dict[str, Any]) -> None:
    """Run the program in this process, in the folder and the environment of the request. Raises SystemExit."""
    os.chdir(call["cwd"])
    os.umask(call["umask"])
    os.environ.clear()
    os.environ.update(call["env"])
    time.tzset()
    tempfile.tempdir = None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path[0] = call["cwd"]
    sys.argv[1:] = call["words"]
    runpy.run_module(call["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
