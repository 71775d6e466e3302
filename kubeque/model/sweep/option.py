"""The classes for the entries of the table of sweep options (`options.py`)."""

from __future__ import annotations

from kubeque.lazy_dataclass import dataclass
from kubeque.model.sweep.option_types import OptionType


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a sweep: an entry of the table of options."""

    #: The key in a jobspec, and the name of the argument of Airflow operators.
    name: str
    kind: OptionType
    #: The help text, a noun phrase or an imperative, for `--help`, the schema of jobspecs and the documentation.
    help: str
    #: The flags on the command line, for example `-p` and `--params`; empty if no flag exists.
    flags: tuple[str, ...] = ()
    metavar: str | None = None
    #: The default as text; empty without a default, or if the help contains it.
    default: str = ""
    #: Field of `Sweep` that gets the value. None: the field has the name of the option. Empty: no field gets the value.
    field: str | None = None
    #: True if the option is a key of the field `Sweep.pod`.
    pod: bool = False
    #: Attribute from which `--like` reads the value: of the job's record, for example `job.priority`, or of the job's
    #: spec, for example `spec.image`. Empty if there is none.
    kept: str = ""
    #: True if Airflow operators have the option as an argument that is generated from this table.
    operator: bool = True
    #: True if Airflow renders templates in the argument of the operators.
    templated: bool = False
    #: Names in earlier versions, which are still accepted: the key in jobspecs, and flags that `--help` hides.
    old_name: str = ""
    old_flags: tuple[str, ...] = ()

    @property
    def sweep_field(self) -> str:
        """Name of the field of `Sweep` that gets the value; empty if no field gets it."""
        return self.name if self.field is None else self.field

    @property
    def text(self) -> str:
        """The help text of the option, with its default."""
        return f"{self.help[:-1]} (default: {self.default})." if self.default else self.help


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """A group of options that `kubeque sub --help` and the documentation list together under one title."""

    title: str
    options: tuple[Option, ...]
