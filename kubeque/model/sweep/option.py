"""The form of a sweep option in the table of options."""

from __future__ import annotations

from kubeque.lazy_dataclass import dataclass
from kubeque.model.sweep.option_types import OptionType


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a sweep."""

    #: The key in a jobspec, and the argument of the operator.
    name: str
    kind: OptionType
    #: A noun phrase or an imperative, for `--help`, the schema and the documentation.
    help: str
    #: The options on the command line; empty if the option exists only in a jobspec.
    flags: tuple[str, ...] = ()
    metavar: str | None = None
    #: The default as text; empty without a default, or if the help contains it.
    default: str = ""
    #: Name of the field of `Sweep` that gets the value. None: the field has the name of the option. Empty: no field.
    field: str | None = None
    #: True if the value is a key of `Sweep.pod`.
    pod: bool = False
    #: Attribute of the job's record ("job.") or spec ("spec.") that keeps the value, for `--like`.
    kept: str = ""
    #: True if the option is an argument that the operator takes from this table.
    operator: bool = True
    #: True if Airflow renders templates in the operator's argument.
    templated: bool = False
    #: Names in earlier versions: the key in jobspecs, and options that `--help` hides.
    old_name: str = ""
    old_flags: tuple[str, ...] = ()

    @property
    def sweep_field(self) -> str:
        """Name of the field of `Sweep` that gets the value; empty if no field gets it."""
        return self.name if self.field is None else self.field

    @property
    def text(self) -> str:
        """The help text with the default."""
        return f"{self.help[:-1]} (default: {self.default})." if self.default else self.help


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """Options that `kubeque sub --help` and the documentation list together."""

    title: str
    options: tuple[Option, ...]
