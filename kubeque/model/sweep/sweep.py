"""A sweep: the request of a user, before anything is uploaded or submitted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.command.command import Word, check_columns, parse_word
from kubeque.model.command.shell import arithmetic_columns, check_arithmetic
from kubeque.model.command.shell_uploads import split_uploads
from kubeque.model.command.task_variables import ROW_TYPES, check_variables
from kubeque.model.errors import CommandError, ResourceError, UserError
from kubeque.model.globs import check_globs
from kubeque.model.job.lease_durations import parse_lease
from kubeque.model.job.retries import Budgets
from kubeque.model.job.spec import FunctionCall, Input
from kubeque.model.quantities import parse_bytes, parse_cpu, parse_duration
from kubeque.model.rows.grid import sequence
from kubeque.model.rows.parameters import check_texts
from kubeque.model.rows.rows import Rows
from kubeque.model.sweep.job_name import check_name, readable_name
from kubeque.model.sweep.run_on import normalize_run_on
from kubeque.model.sweep.secret_files import absolute_secret_files
from kubeque.model.sweep.sweep_fields import check_names, convert_fields
from kubeque.model.text import describe
from kubeque.model.user_paths import current_folder
from kubeque.model.wording import field_name

#: Maximum number of canaries. Each canary needs its own block in the queue.
MAX_CANARIES = 1000
#: Pattern of a count or of a share, for example `3` or `1%`.
_ALLOWED = re.compile(r"[0-9]{1,9}|[0-9]{1,3}(\.[0-9]{1,9})?%")


@dataclass(frozen=True)
class Sweep:
    """One command, the rows for which the command runs, and options.

    A field may have any value that `check` can convert. `rows`: a list of dicts, a DataFrame, or the result of `grid`,
    `sequence` or `from_records`. `canaries`: number of rows that run first; `Client.go` releases the other rows.
    `pod`: options of pods, keyed by name, for example `{"spot": True}`.
    """

    #: Words of the command, as texts or as parsed words (from the Airflow operator).
    command: Sequence[str | Word]
    #: The rows, or an object that `check` converts to rows: a list of dicts or a DataFrame.
    rows: Rows = field(default_factory=lambda: sequence(1))
    #: Name of the job; None for a random readable name.
    name: str | None = None
    #: Folder where relative paths start.
    base: Path = field(default_factory=current_folder)
    #: Further files and folders to upload, as `SRC[:DST]`; `@FILE` for a file that lists such paths.
    push: Sequence[str] = ()
    #: Inputs of the job of `--like`, which are already in the store. Files of `push` replace inputs of the same name.
    inputs: Sequence[Input] = ()
    #: True if `inputs` contains the files of the command's `^` words, except words with placeholders.
    inputs_of_command: bool = False
    #: The Python function that the command calls; None for other commands.
    function: FunctionCall | None = None
    shell: bool = False
    results: Sequence[str] = ()
    ignore: Sequence[str] = ()
    env: Mapping[str, Any] = field(default_factory=dict)
    #: Files with environment variables of the tasks, as `NAME=PATH` (one value) or `PATH` (NAME=VALUE lines).
    secret_file: Sequence[str] = ()
    image: str | None = None
    #: Cores, memory and disk are Kubernetes quantities, for example `500m` and `1.5Gi`.
    cpu: str | float | None = None
    memory: str | int | None = None
    #: Maximum memory of a task that runs again because it ran out of memory; None: eight times `memory`.
    max_memory: str | int | None = None
    disk: str | int | None = None
    consumers: int | None = None
    #: Number of rows that run first. The other rows are held until `go` releases them. None: no row is held.
    canaries: int | None = None
    priority: int = 0
    #: Time limits of one task and of the whole job, for example `90` (seconds), `30m` or `1.5h`.
    task_timeout: str | float | None = None
    deadline: str | float | None = None
    #: Number of extra attempts by cause, for causes that differ from the defaults.
    retry_causes: Mapping[str, int] = field(default_factory=dict)
    max_failures: int | None = None
    #: Number of tasks that may fail in a successful job, or their share, for example `1%`.
    allow_failed: str | int = 0
    #: Places where the tasks run, such as `local,work`; empty: only the consumers of the sweep's own cluster.
    run_on: str = ""
    #: Name of the series to which the job belongs; empty without one.
    series: str = ""
    #: True to link each row for which the series has an ok result with the same row key. A linked row does not run.
    skip_done: bool = False
    #: Time from the end of the job until `gc` may delete the job, for example `30d`; None: never.
    results_ttl: str | float | None = None
    #: Time without a heartbeat of a consumer after which other consumers run its tasks; None: LEASE_SECONDS.
    lease: str | float | None = None
    #: Time for which a finished attempt waits for a store that does not answer; None: RESULTS_WAIT_SECONDS.
    results_wait: str | float | None = None
    #: Description of the submitter in Airflow: deployment, DAG, run and Airflow task. Empty outside Airflow.
    origin: Mapping[str, str] = field(default_factory=dict)
    #: Options of pods, keyed by name. `PodOptions` reads them.
    pod: Mapping[str, Any] = field(default_factory=dict)

    def __new__(cls, *args: Any, **options: Any) -> Sweep:
        """Create a sweep. Raises UserError for a keyword argument that is not a field."""
        check_names(options, cls.__dataclass_fields__, "Sweep")
        return super().__new__(cls)

    def words(self) -> tuple[Word, ...]:
        """Return the parsed words of the command. Raises CommandError for a wrong word or an unknown column."""
        words = tuple(word if isinstance(word, Word) else parse_word(str(word)) for word in self.command)
        if not words or not words[0].parts:
            raise CommandError("there is no command: give its words, for example python3 '^run.py'")
        if self.shell and not self.inputs_of_command:  # the words of an earlier job are already split
            words = split_uploads(words)
        check_columns(words, self.rows.columns)
        return words

    def check(self) -> Sweep:
        """Return a copy of this sweep with values that are checked and converted to the types of the fields.

        Raises UserError for the first invalid value.
        """
        sweep = replace(self, **convert_fields(self))
        sweep._check_values()
        return sweep

    def _check_values(self) -> None:
        words = self.words()
        if self.shell:
            check_shell_values(words, self.rows)
        if self.function is None:
            check_texts(self.rows)
        if self.name is not None:
            check_name(self.name)
        if self.consumers is not None:
            check_consumers(self.consumers)
        if self.canaries is not None and not 1 <= self.canaries <= MAX_CANARIES:
            given = field_name("canaries", str(self.canaries))
            raise UserError(f"{given}: give a number of rows from 1 to {MAX_CANARIES}")
        normalize_run_on(self.run_on)
        if self.skip_done and not self.series:
            example = field_name("series", "nightly")
            raise UserError(f"{field_name('skip_done')} needs a series: give its name, for example {example}")
        check_variables(self.env, self.rows.columns, [ROW_TYPES] if self.function else [])
        absolute_secret_files(self.secret_file, self.base)  # raises UserError for a text without a path
        check_globs(self.results, "results")
        check_globs(self.ignore, "ignore")
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
            ("lease", self.lease, parse_lease),
            ("results_wait", self.results_wait, parse_duration),
        ]
        for what, value, parse in checks:
            if value is not None:
                parse(value, what)


def check_shell_values(words: Sequence[Word], rows: Rows) -> None:
    """Raise CommandError if a command uses a value of a row in shell arithmetic, and the value is not a number."""
    columns = arithmetic_columns(part for word in words for part in (" ", *word.parts))
    used = [(name, rows.columns.index(name)) for name in columns if name in rows.columns]
    for row in rows if used else ():
        for name, at in used:
            check_arithmetic(name, row[at])


def check_consumers(consumers: int) -> None:
    """Raise ResourceError for a number of consumers that a job cannot have."""
    if not 1 <= consumers <= 10_000:
        raise ResourceError(f"consumers {consumers!r}: give a number from 1 to 10000")


def parse_allowed(value: str | int) -> str:
    """Return the option `allow_failed` as the text that a job stores, for example `3` or `1%`. Raises ResourceError."""
    text = str(value).strip()
    if _ALLOWED.fullmatch(text) and (not text.endswith("%") or float(text[:-1]) <= 100):
        return text
    raise ResourceError(f"allow_failed {describe(value)}: give a count or a share, for example 3 or 1%")


def with_name(sweep: Sweep) -> Sweep:
    """Return a sweep that has a name: `sweep` itself, or a copy with a random readable name."""
    return sweep if sweep.name is not None else replace(sweep, name=readable_name())
