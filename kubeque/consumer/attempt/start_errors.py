"""Explain why a program could not be started, with a message that has the program's name and a remedy."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause

#: Exit codes for a missing program and for a program that cannot be run, as in a shell.
NOT_FOUND, NOT_EXECUTABLE = 127, 126
#: Longest argument or environment variable (`NAME=value`) that the kernel accepts, bytes (MAX_ARG_STRLEN without the
#: final NUL).
_LONGEST = 131_071
#: Error numbers with which the machine cannot start any program.
_MACHINE = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Reason why a program could not be started, with the cause and the exit code of the attempt."""

    #: `exit`; `stage` if the machine could not start any program.
    cause: Cause
    #: Exit code for the cause `exit`; None for `stage`.
    code: int | None
    message: str


def explain(error: OSError | ValueError, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Refusal:
    """Return the cause, exit code and message of an attempt if `subprocess` raised `error` at the start of its command.

    `cwd`, `env`: working directory and environment of the command.
    """
    program = argv[0]
    if isinstance(error, ValueError):  # a NUL, a lone surrogate, or a variable name with `=`
        return _exit(NOT_EXECUTABLE, f"the program {program!r} cannot be given these arguments or variables: {error}")
    if error.errno in _MACHINE or not cwd.is_dir():
        return Refusal(Cause.STAGE, None, f"the machine could not start the program {program!r} in {cwd}: {error}")
    if error.errno == errno.ENOENT:
        return _exit(NOT_FOUND, _not_found(program, cwd, env))
    if error.errno == errno.EACCES:
        return _exit(NOT_EXECUTABLE, _not_allowed(program, cwd))
    if error.errno == errno.ENOEXEC:
        remedy = "it is neither a script that begins with #! nor a program for this kind of machine"
        return _exit(NOT_EXECUTABLE, f"the program {program!r} cannot be run: {remedy}")
    if error.errno == errno.E2BIG:
        return _exit(NOT_EXECUTABLE, _too_long(argv, env))
    return _exit(NOT_EXECUTABLE, f"the program {program!r} cannot be run: {error.strerror}")


def _exit(code: int, message: str) -> Refusal:
    return Refusal(Cause.EXIT, code, message)


def _not_found(program: str, cwd: Path, env: Mapping[str, str]) -> str:
    if "/" not in program:
        path = env.get("PATH", os.defpath)
        found = shutil.which(program, path=path)
        if found is None:
            remedy = f"upload it as ^{program}, or install it where tasks run (in pods: in the image)"
            return f"the program {program!r} was not found: {remedy}; the PATH is {path}"
        file = Path(found)
    else:
        file = cwd / program
    if not file.exists():
        return f"the program {program!r} was not found: upload it as ^{Path(program).name}, or correct its path"
    with file.open("rb") as script:
        first = script.readline(200).decode(errors="replace")
    if first.startswith("#!"):  # the repr shows the \r of a script that was written on Windows
        return f"the interpreter of {program!r} was not found: the script begins with {first!r}"
    return f"the loader of {program!r} was not found: the program is built for a system with another libc"


def _not_allowed(program: str, cwd: Path) -> str:
    if (cwd / program).is_dir():
        return f"the program {program!r} is a folder"
    return (
        f"the program {program!r} is not executable: set its executable bit (chmod +x) before you submit, "
        f"or give its interpreter, for example python3 {program}"
    )


def _too_long(argv: Sequence[str], env: Mapping[str, str]) -> str:
    sizes = [(len(os.fsencode(word)), f"argument {at}") for at, word in enumerate(argv)]
    sizes += [(len(os.fsencode(f"{name}={value}")), f"variable {name}") for name, value in env.items()]
    longest, what = max(sizes)
    if longest > _LONGEST:
        return f"{what} of {argv[0]!r} is too long for the kernel: {longest} bytes, at most {_LONGEST} can be passed"
    total = sum(size for size, _ in sizes)
    return f"the arguments and variables of {argv[0]!r} are together too long for the kernel: {total} bytes"
