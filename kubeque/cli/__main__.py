"""The entry point of the `kubeque` command. Even while the program loads, Ctrl-C gives a one-line message."""

from __future__ import annotations

import os
import sys

# `_signal` instead of `signal`: importing `signal` loads more modules before a handler can be set.
from _signal import SIG_IGN, SIGINT, default_int_handler, getsignal, signal  # type: ignore[import-not-found]


def main() -> None:
    """Run the command line. Exit codes: 0 success, 1 failed tasks, 2 wrong usage or input, 130 Ctrl-C."""
    hears = getsignal(SIGINT) is default_int_handler
    if hears:
        signal(SIGINT, _leave_while_loading)
    from kubeque.cli.program import run

    code = run(hears_interrupts=hears)
    if hears:
        # While Python exits, it restores the default action of SIGINT, and a late Ctrl-C would kill the process.
        signal(SIGINT, SIG_IGN)
    sys.exit(code)


def _leave_while_loading(number: int, frame: object) -> None:
    os.write(2, b"\n" * os.isatty(2) + b"kubeque: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    main()
