"""The spec of a job: everything that a consumer needs to run the job's tasks. It is stored once for each revision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.command.command import Word, check_columns
from kubeque.model.compatibility.stored_types import check_fields
from kubeque.model.compatibility.unknown_entries import read_fields, stored_fields, write_fields
from kubeque.model.errors import CommandError
from kubeque.model.job.shapes import Shape
from kubeque.model.rows.rows import RowsSpec

SPEC_VERSION = 1


@dataclass(frozen=True, slots=True)
class Input:
    """A file that tasks read."""

    #: Path below the working directory.
    name: str
    #: URL of the file's contents.
    url: str
    #: SHA-256 (hex) of the contents. Empty for an object in a store of the user, which was not uploaded.
    digest: str
    #: Size in bytes.
    size: int
    executable: bool = False
    #: Generation or etag of an object in a store of the user. If it has changed, the download fails.
    generation: str = ""
    #: Stored entries that only a newer kubeque knows.
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def to_wire(self) -> dict[str, Any]:
        return write_fields(self)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Input:
        return cls(**read_fields(cls, wire))


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The Python function that the command of a job calls with the values of a row."""

    #: SHA-256 (hex) of the function and its call. Row keys contain it in place of the digests of `files`.
    key: str
    #: Names of two inputs: the file with the function, and the program that calls the function.
    files: tuple[str, ...]
    #: Columns of which the function gets the values with their Python types.
    columns: tuple[str, ...]

    def to_wire(self) -> dict[str, Any]:
        return {"key": self.key, "files": list(self.files), "columns": list(self.columns)}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> FunctionCall:
        return cls(wire["key"], tuple(wire["files"]), tuple(wire["columns"]))


@dataclass(frozen=True, slots=True)
class JobSpec:
    """The stored form of a sweep: its command, its rows, its files, and the resources of each task."""

    command: tuple[Word, ...]
    rows: RowsSpec
    #: Files that every task gets.
    inputs: tuple[Input, ...] = ()
    #: Files that depend on the row, keyed by their path or URL as rendered for the row.
    row_inputs: Mapping[str, Input] = field(default_factory=dict)
    #: True if the words are joined with blanks and run by /bin/sh. Values of the row are always quoted.
    shell: bool = False
    #: Patterns of result files to keep; empty: all files.
    results: tuple[str, ...] = ()
    #: Patterns of result files that are not kept.
    ignore: tuple[str, ...] = ()
    #: Environment variables for the command, in addition to the KUBEQUE_* variables.
    env: Mapping[str, str] = field(default_factory=dict)
    #: True if the tasks run as processes on the submitter's machine, in the submitter's environment. A file on that
    #: machine contains the environment (`clusters/environment_files.py`). The spec never does.
    local: bool = False
    #: Some variables of the submitter, such as PATH. Only specs of kubeque before 0.3 have them.
    local_env: Mapping[str, str] = field(default_factory=dict)
    #: Time limit of one task, seconds; None: no limit.
    task_timeout: float | None = None
    #: Seconds between SIGTERM and SIGKILL when a command is ended.
    grace_seconds: float = 10.0
    image: str = ""
    #: Number of cores that a task requests; None: no request.
    cpu: float | None = None
    shapes: tuple[Shape, ...] = (Shape(),)
    #: URL of the cluster that runs the job.
    cluster: str = "local"
    #: Options for pods (gpu, node_selector, pod_template ...).
    pod: Mapping[str, Any] = field(default_factory=dict)
    #: The Python function that the command calls; None for other commands.
    function: FunctionCall | None = None
    #: Stored entries that only a newer kubeque knows. Such entries of the rows are under the key "rows".
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def digest(self) -> str:
        """Return a SHA-256 (hex) of the spec. It is equal for equal submissions."""
        wire = self.to_wire()
        del wire["local_env"], wire["local"]
        wire["rows"].pop("pages", None)
        if not (self.function and self.function.columns):  # only a function can see the types of values
            wire["rows"].pop("types", None)
        return hashlib.sha256(json.dumps(wire, sort_keys=True).encode()).hexdigest()

    def to_wire(self) -> dict[str, Any]:
        return {
            **_without_empty(write_fields(self) | {"function": self.function and self.function.to_wire()}, "function"),
            "version": SPEC_VERSION,
            "command": [word.to_wire() for word in self.command],
            "rows": {**self.extra.get("rows", {}), **_write_rows(self.rows)},
            "inputs": [item.to_wire() for item in self.inputs],
            "row_inputs": {path: item.to_wire() for path, item in self.row_inputs.items()},
            "shapes": [shape.to_wire() for shape in self.shapes],
            "env": dict(self.env),
            "local_env": dict(self.local_env),
            "pod": dict(self.pod),
            "results": list(self.results),
            "ignore": list(self.ignore),
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> JobSpec:
        """Return the spec from its stored object. Raises one of UNREADABLE for a damaged object."""
        rows = wire["rows"]
        check_fields(RowsSpec, rows)
        values = read_fields(cls, {key: value for key, value in wire.items() if key != "version"})
        foreign = {key: value for key, value in rows.items() if key not in stored_fields(RowsSpec)}
        if foreign:
            values["extra"] = {**values.get("extra", {}), "rows": foreign}
        values |= {
            "command": tuple(Word.from_wire(word) for word in wire["command"]),
            "rows": RowsSpec(
                tuple(rows["columns"]),
                rows["n"],
                rows["kind"],
                rows["digest"],
                tuple(rows["starts"]),
                tuple(tuple(axis) for axis in rows["axes"]),
                tuple(rows.get("pages", ())),
                tuple(rows.get("types", ())),
            ).check(),
            "inputs": tuple(map(Input.from_wire, wire["inputs"])),
            "row_inputs": {path: Input.from_wire(item) for path, item in wire["row_inputs"].items()},
            "shapes": tuple(map(Shape.from_wire, wire["shapes"])),
            "results": tuple(wire["results"]),
            "ignore": tuple(wire["ignore"]),
            "local": wire.get("local", bool(wire["local_env"])),
            "function": FunctionCall.from_wire(wire["function"]) if wire.get("function") else None,
        }
        spec = cls(**values)
        if not spec.shapes:
            raise ValueError("it has no shapes")
        try:
            check_columns(spec.command, spec.rows.columns)
        except CommandError as error:
            raise ValueError(str(error)) from error
        return spec


def _write_rows(rows: RowsSpec) -> dict[str, Any]:
    return _without_empty(_without_empty(asdict(rows), "pages"), "types")


def _without_empty(wire: dict[str, Any], key: str) -> dict[str, Any]:
    """Return `wire` without the entry `key` if this entry is empty.

    So specs without the entry keep their old digests.
    """
    return wire if wire[key] else {name: value for name, value in wire.items() if name != key}
