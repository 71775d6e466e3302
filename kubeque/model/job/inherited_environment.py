"""The environment of a submitter: the variables and the umask that tasks on the same machine get."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import Any

from kubeque.lazy_dataclass import dataclass

#: Variables that tasks never get: those of kubeque itself, and those that describe one process or one shell.
_NOT_INHERITED = re.compile(r"KUBEQUE_.*|PWD|OLDPWD|SHLVL|_", re.DOTALL)
#: Variables of Airflow, which tasks do not get. They contain logins and the key of Airflow's database.
_AIRFLOW = re.compile(r"AIRFLOW.*", re.DOTALL)
#: The only variables that tasks get from an Airflow worker. Its other variables belong to the Airflow installation, not
#: to a user.
_FROM_AIRFLOW = re.compile(r"PATH|HOME|LANG|LC_.*|TZ|TMPDIR|VIRTUAL_ENV|CONDA_.*", re.DOTALL)
#: Variable that only a process which runs an Airflow task has.
_DAG_VARIABLE = "AIRFLOW_CTX_DAG_ID"
#: Name that represents the umask in a list of variables that differ.
_UMASK = "umask"


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables and the umask of a process at one moment. Names and values can contain bytes that are not UTF-8."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: The umask; None: the tasks get the umask of the consumer.
    umask: int | None = None
    #: The secret files of the submission, with absolute paths. The variables contain their contents.
    secret_files: tuple[str, ...] = ()

    @classmethod
    def of_submitter(cls, environ: Mapping[str, str], umask: int, *, airflow: bool = False) -> Environment:
        """Return the environment that tasks get from the submitting process.

        `environ`, `umask`: those of this process. `airflow`: True if this process runs an Airflow task.
        """
        if airflow or _DAG_VARIABLE in environ:
            return cls({name: value for name, value in environ.items() if _FROM_AIRFLOW.fullmatch(name)})
        own = {name: value for name, value in inheritable(environ).items() if not _AIRFLOW.fullmatch(name)}
        return cls(own, umask)

    def differences(self, other: Environment) -> tuple[str, ...]:
        """Return the sorted names of the variables that differ.

        If the umask differs, `umask` is added as the last name.
        """
        mine, theirs = self.variables, other.variables
        names = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
        return (*names, *([_UMASK] if self.umask != other.umask else []))

    def to_wire(self) -> dict[str, Any]:
        files = {"secret_files": list(self.secret_files)} if self.secret_files else {}
        return {"variables": dict(self.variables), "umask": self.umask, **files}

    def with_secrets(self, variables: Mapping[str, str], files: Iterable[str]) -> Environment:
        """Return the environment with the variables of secret files. `files`: the files, with absolute paths."""
        return replace(self, variables={**self.variables, **variables}, secret_files=tuple(files))

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Environment:
        """Return the environment of a stored object. Raises ValueError if the object has another form."""
        variables, umask = wire.get("variables"), wire.get("umask")
        if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
            raise ValueError("it has no variables")
        if umask is not None and (not isinstance(umask, int) or not 0 <= umask <= 0o777):
            raise ValueError("its umask is not a number")
        files = wire.get("secret_files", [])
        if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
            raise ValueError("its secret files are not a list of texts")
        return cls(variables, umask, tuple(files))


def inheritable(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of `environ` without those of kubeque and those that describe one process or one shell."""
    return {name: value for name, value in environ.items() if not _NOT_INHERITED.fullmatch(name)}
