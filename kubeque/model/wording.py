"""The names of options and commands in messages, in the language of the program that shows the message.

The command line is the default. Another program, such as the Airflow provider, selects its own language while it calls
the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """How a program names an option, and an operation on a job."""

    #: Return an option; its value is empty for a flag.
    option: Callable[[str, str], str]
    #: Return an operation on a job, with its flags; the job is empty for an operation without one.
    command: Callable[[str, str, tuple[str, ...]], str]


def _flag(name: str, value: str) -> str:
    flag = "-n" if name == "name" else f"--{name.replace('_', '-')}"
    return f"{flag} {value}" if value else flag


def _shell(verb: str, job: str, flags: tuple[str, ...]) -> str:
    return " ".join(["kubeque", verb, *([job] if job else []), *(f"--{flag}" for flag in flags)])


_SHELL = Language(_flag, _shell)
_language: ContextVar[Language] = ContextVar("language", default=_SHELL)


def option(name: str, value: str = "") -> str:
    """Return the name of an option, with a value: `--cluster local` on the command line."""
    return _language.get().option(name, value)


def command(verb: str, job: str = "", *flags: str) -> str:
    """Return the name of an operation: `kubeque reset JOB --all` on the command line."""
    return _language.get().command(verb, job, flags)


def code(verb: str, job: str = "", *flags: str) -> str:
    """Return the same between backticks; a phrase such as "the page of sweeps" has none."""
    text = command(verb, job, *flags)
    return text if text.startswith(("the ", "a ")) else f"`{text}`"


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Name options and commands in this language in the enclosed code."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)
