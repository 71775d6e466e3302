"""A sweep: what somebody asks for, before anything was uploaded or submitted."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kubeque.model.command.command import Word, check_columns, parse_word
from kubeque.model.errors import CommandError, ResourceError, UserError
from kubeque.model.job.retries import Budgets
from kubeque.model.job.spec import Input
from kubeque.model.resources import parse_bytes, parse_cpu, parse_duration
from kubeque.model.rows.parameters import Rows, sequence

#: Rows that may run first, each a block of its own.
MAX_CANARIES = 1000
#: Longest name of a job.
_NAME_CHARACTERS = 300
_NAME = re.compile(r"[^\x00-\x20/\\\x7f][^\x00-\x1f/\\\x7f]*")
_ADJECTIVES = "amber bold brisk calm clear crisp eager fair fleet gentle grand keen light lively lucid mellow neat noble quick quiet rapid solid steady sunny swift tidy vivid warm wise"  # noqa: E501
_NOUNS = "acorn anchor aspen badger beacon birch brook canyon cedar comet coral delta ember falcon fern fjord garnet harbor heron island juniper lagoon lantern maple meadow otter pebble pine quartz raven reef ridge river sparrow summit thistle tundra willow"  # noqa: E501


@dataclass(frozen=True)
class Sweep:
    """One command and the rows to run it on, with all that may be said about the how."""

    #: Words of the author's text, or words that were read before (by the Airflow operator).
    command: Sequence[str | Word]
    rows: Rows = field(default_factory=lambda: sequence(1))
    #: The job's name; None: a readable one is drawn.
    name: str | None = None
    #: Where relative paths start.
    base: Path = field(default_factory=Path.cwd)
    #: More files to bring along: `src[:dst]`, `@list` or a folder.
    push: Sequence[str] = ()
    #: Inputs that the store has already, those of the job that this sweep is like; what `push` brings goes before them.
    inputs: Sequence[Input] = ()
    #: They have the files of the command's `^` words, too (but for those that depend on the row).
    inputs_of_command: bool = False
    shell: bool = False
    results: Sequence[str] = ()
    ignore: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    #: Quantities as Kubernetes writes them.
    cpu: str | float | None = None
    memory: str | int | None = None
    #: None: eight times `memory`.
    max_memory: str | int | None = None
    disk: str | int | None = None
    consumers: int | None = None
    #: So many rows run first, and the others are held until somebody says go; None: all run.
    canaries: int | None = None
    priority: int = 0
    #: As in `90`, `30m`, `1.5h`.
    task_timeout: str | float | None = None
    deadline: str | float | None = None
    #: Extra attempts by cause, where they differ from the defaults.
    retry_causes: Mapping[str, int] = field(default_factory=dict)
    max_failures: int | None = None
    #: A count, or a share as in `1%`.
    allow_failed: str | int = 0
    #: The recurring sweep that this is one of.
    series: str = ""
    #: Rows that were ok in the series already, with the same command, inputs, image and values, do not run again.
    skip_done: bool = False
    #: How long results are kept, as in `30d`; None: until somebody removes the job.
    results_ttl: str | float | None = None
    #: Seconds without a sign of life after which a consumer's tasks are taken back.
    lease_seconds: float | None = None
    #: Who asks, as the job shall say of itself.
    origin: Mapping[str, str] = field(default_factory=dict)
    #: What the kind of cluster wants to know besides.
    pod: Mapping[str, Any] = field(default_factory=dict)

    def words(self) -> tuple[Word, ...]:
        """The command, read. Raises CommandError for a bad word or an unknown column."""
        if isinstance(self.command, str):
            raise CommandError(
                f"the command {self.command!r} is one text: give a list of words, as in ['python3', '^run.py']"
            )
        words = tuple(word if isinstance(word, Word) else parse_word(str(word)) for word in self.command)
        if not words or not words[0].parts:
            raise CommandError("there is no command: say what to run, as in `kubeque sub python3 '^run.py'`")
        check_columns(words, self.rows.columns)
        return words

    def checked(self) -> Sweep:
        """This sweep, if every value in it is good. Raises UserError naming the first that is not."""
        self.words()
        if self.name is not None:
            check_name(self.name)
        if self.consumers is not None:
            check_consumers(self.consumers)
        if self.canaries is not None and not 1 <= self.canaries <= MAX_CANARIES:
            raise UserError(f"try {self.canaries!r}: give a number of rows from 1 to {MAX_CANARIES}")
        if self.skip_done and not self.series:
            raise UserError("skip_done looks for what was done in a series: name the series, as in --series nightly")
        Budgets().with_extra(self.retry_causes)
        parse_allowed(self.allow_failed)
        if self.max_failures is not None and self.max_failures < 1:
            raise ResourceError(f"max_failures {self.max_failures!r}: give a number from 1, or leave it out")
        checks: list[tuple[str, Any, Callable[[Any, str], object]]] = [
            ("cpu", self.cpu, parse_cpu),
            ("memory", self.memory, parse_bytes),
            ("max_memory", self.max_memory, parse_bytes),
            ("disk", self.disk, parse_bytes),
            ("task_timeout", self.task_timeout, parse_duration),
            ("deadline", self.deadline, parse_duration),
            ("results_ttl", self.results_ttl, parse_duration),
        ]
        for what, value, parse in checks:
            if value is not None:
                parse(value, what)
        return self


def check_consumers(consumers: int) -> None:
    """Raises ResourceError unless a job may have so many."""
    if not 1 <= consumers <= 10_000:
        raise ResourceError(f"consumers {consumers!r}: give a number from 1 to 10000")


def check_name(name: str) -> str:
    """The job's name, if it can be one. Raises UserError."""
    if not _NAME.fullmatch(name) or name in (".", "..") or len(name) > _NAME_CHARACTERS:
        raise UserError(
            f"job name {name[:60]!r}: use 1 to {_NAME_CHARACTERS} characters without / or \\ and no leading blank,"
            " as in nightly-render"
        )
    return name


def parse_allowed(value: str | int) -> str:
    """How many tasks may fail, as a job keeps it: `3` or `1%`. Raises ResourceError."""
    text = str(value).strip()
    if re.fullmatch(r"\d+", text) or (re.fullmatch(r"\d+(\.\d+)?%", text) and float(text[:-1]) <= 100):
        return text
    raise ResourceError(f"allow_failed {value!r}: give a count as in 3, or a share as in 1%")


def with_name(sweep: Sweep) -> Sweep:
    """The sweep with a name: its own, or a readable one."""
    return sweep if sweep.name is not None else replace(sweep, name=readable_name())


def readable_name() -> str:
    """A job name for people: two words and five digits, as in `calm-otter-40712`."""
    pick = secrets.choice
    return f"{pick(_ADJECTIVES.split())}-{pick(_NOUNS.split())}-{secrets.randbelow(90_000) + 10_000}"
