"""Names of options and commands in messages, in the language of the program that shows the message.

The default is the language of the command line. Another program, such as the Airflow provider, selects its own language
while it calls the library.
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
    """The functions with which a program names options, operations on jobs, and fields of a sweep."""

    #: Function that returns the text for an option with its value. For a flag, the value is empty.
    option: Callable[[str, str], str]
    #: Function that returns the text for an operation with its job and its flags. If the operation is not about one
    #: job, the job is empty.
    command: Callable[[str, str, tuple[str, ...]], str]
    #: Function that returns the text for a field of a sweep with its value. The value can be empty.
    field: Callable[[str, str], str] = _plain
    #: Noun for the tasks of a job that run first, while its other tasks are held.
    canaries: str = "canaries"


def _flag(name: str, value: str) -> str:
    flag = "-n" if name == "name" else f"--{name.replace('_', '-')}"
    return f"{flag} {value}" if value else flag


def _shell(verb: str, job: str, flags: tuple[str, ...]) -> str:
    return " ".join(["kubeque", verb, *([job] if job else []), *(f"--{flag}" for flag in flags)])


#: Command-line options of fields that have another name there.
_FLAGS = {"canaries": "try"}


def _flag_of_field(name: str, value: str) -> str:
    return _flag(_FLAGS.get(name, name), value)


#: The language of the program `kubeque`. Other programs name the fields of a sweep as Python does.
COMMAND_LINE = Language(_flag, _shell, _flag_of_field, "trial rows")
_SHELL = Language(_flag, _shell)


def _keyword(name: str, value: str) -> str:
    if name in ("repair", "revise", "replace"):
        return f'existing="{name}"'
    return f"{name}={value!r}" if value else name


#: The language of `kubeque.map`: options are keywords of the call. Commands are those of the program `kubeque`.
PYTHON = Language(_keyword, _shell)
_language: ContextVar[Language] = ContextVar("language", default=_SHELL)


def option(name: str, value: str = "") -> str:
    """Return the text for an option with its value, for example `--cluster local` on the command line."""
    return _language.get().option(name, value)


def canaries() -> str:
    """Return the noun for tasks that run first: `canaries`, or on the command line `trial rows`, as of `--try`."""
    return _language.get().canaries


def field_name(name: str, value: str = "") -> str:
    """Return the text for a field of a sweep with its value: `canaries 5`, or on the command line `--try 5`."""
    return _language.get().field(name, value)


def command(verb: str, job: str = "", *flags: str) -> str:
    """Return the text for an operation, for example `kubeque reset JOB --all` on the command line."""
    return _language.get().command(verb, job, flags)


def code(verb: str, job: str = "", *flags: str) -> str:
    """Return the text that the function `command` returns, in backticks.

    A phrase such as "the page of sweeps" gets no backticks.
    """
    text = command(verb, job, *flags)
    return text if text.startswith(("the ", "a ")) else f"`{text}`"


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Use the names of `language` for options, operations and fields inside the `with` block."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)
