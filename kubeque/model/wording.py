"""The names of options and commands in messages, in the language of the program that shows the message.

The command line is the default. Another program, such as the Airflow provider, selects its own language while it calls
the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from kubeque.lazy_dataclass import dataclass


def _plain(name: str, value: str) -> str:
    return f"{name} {value}" if value else name


@dataclass(frozen=True, slots=True)
class Language:
    """The functions with which a program names options, and operations on jobs."""

    #: Function that returns the text for an option and its value. The value is empty for a flag.
    option: Callable[[str, str], str]
    #: Function that returns the text for an operation, its job and its flags. The job is empty for an operation that
    #: concerns no single job.
    command: Callable[[str, str, tuple[str, ...]], str]
    #: Function that returns the text for a field of a sweep and its value. The value can be empty.
    field: Callable[[str, str], str] = _plain


def _flag(name: str, value: str) -> str:
    flag = "-n" if name == "name" else f"--{name.replace('_', '-')}"
    return f"{flag} {value}" if value else flag


def _shell(verb: str, job: str, flags: tuple[str, ...]) -> str:
    return " ".join(["kubeque", verb, *([job] if job else []), *(f"--{flag}" for flag in flags)])


#: Fields whose option on the command line has another name.
_FLAGS = {"canaries": "try"}


def _flag_of_field(name: str, value: str) -> str:
    return _flag(_FLAGS.get(name, name), value)


#: The language of the program `kubeque`. Other programs name the fields of a sweep as Python does.
COMMAND_LINE = Language(_flag, _shell, _flag_of_field)
_SHELL = Language(_flag, _shell)
_language: ContextVar[Language] = ContextVar("language", default=_SHELL)


def option(name: str, value: str = "") -> str:
    """Return the text for an option with its value. The command line has, for example, `--cluster local`."""
    return _language.get().option(name, value)


def field_name(name: str, value: str = "") -> str:
    """Return the text for a field of a sweep: `canaries 5`, or `--try 5` on the command line."""
    return _language.get().field(name, value)


def command(verb: str, job: str = "", *flags: str) -> str:
    """Return the text for an operation. The command line has, for example, `kubeque reset JOB --all`."""
    return _language.get().command(verb, job, flags)


def code(verb: str, job: str = "", *flags: str) -> str:
    """Return the text that `command` returns, enclosed in backticks.

    A phrase such as "the page of sweeps" gets no backticks.
    """
    text = command(verb, job, *flags)
    return text if text.startswith(("the ", "a ")) else f"`{text}`"


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Use `language` for the names of options and commands in this block."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)
