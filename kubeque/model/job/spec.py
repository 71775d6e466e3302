"""The spec of a job: all that a consumer needs to run any of its tasks. Stored once per revision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from kubeque.model.command.command import Word
from kubeque.model.job.shapes import Shape
from kubeque.model.rows.rows import RowsSpec

SPEC_VERSION = 1


@dataclass(frozen=True, slots=True)
class Input:
    """A file brought along with the tasks."""

    #: Its path below the working directory.
    name: str
    #: Where its bytes are.
    url: str
    #: SHA-256 of the bytes, hex; empty for an object that the user keeps elsewhere.
    digest: str
    #: Bytes.
    size: int
    executable: bool = False
    #: What the user's own object store called its state (generation, etag); it must be the same when it is fetched.
    generation: str = ""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What to run, on which rows, with what beside it."""

    command: tuple[Word, ...]
    rows: RowsSpec
    #: Files that every task gets.
    inputs: tuple[Input, ...] = ()
    #: Files that depend on the row, by the path or URL as rendered for the row.
    row_inputs: Mapping[str, Input] = field(default_factory=dict)
    #: Run the words, joined by blanks, in /bin/sh; every value is quoted.
    shell: bool = False
    #: Globs of the files to keep; empty: all.
    results: tuple[str, ...] = ()
    #: Globs of files not to keep.
    ignore: tuple[str, ...] = ()
    #: Environment for the command, besides the KUBEQUE_* variables.
    env: Mapping[str, str] = field(default_factory=dict)
    #: One machine only: the submitter's PATH, HOME and the like, as they were.
    local_env: Mapping[str, str] = field(default_factory=dict)
    #: Seconds a task may take; None: for ever.
    task_timeout: float | None = None
    #: Seconds between SIGTERM and SIGKILL.
    grace_seconds: float = 10.0
    image: str = ""
    #: Cores.
    cpu: float | None = None
    shapes: tuple[Shape, ...] = (Shape(),)
    #: Which cluster runs it, as a URL.
    cluster: str = "local"
    #: Everything else that a kind of cluster wants to know (gpu, node_selector, pod_template ...).
    pod: Mapping[str, Any] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256, hex: equal for submissions that ask for the same thing."""
        wire = self.to_wire()
        del wire["local_env"]
        return hashlib.sha256(json.dumps(wire, sort_keys=True).encode()).hexdigest()

    def to_wire(self) -> dict[str, Any]:
        return {
            "version": SPEC_VERSION,
            **{f.name: getattr(self, f.name) for f in fields(self)},
            "command": [word.to_wire() for word in self.command],
            "rows": asdict(self.rows),
            "inputs": [asdict(item) for item in self.inputs],
            "row_inputs": {path: asdict(item) for path, item in self.row_inputs.items()},
            "shapes": [asdict(shape) for shape in self.shapes],
            "env": dict(self.env),
            "local_env": dict(self.local_env),
            "pod": dict(self.pod),
            "results": list(self.results),
            "ignore": list(self.ignore),
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> JobSpec:
        known = {f.name for f in fields(cls)}
        values = {key: value for key, value in wire.items() if key in known}
        rows = wire["rows"]
        values |= {
            "command": tuple(Word.from_wire(word) for word in wire["command"]),
            "rows": RowsSpec(
                tuple(rows["columns"]),
                rows["n"],
                rows["kind"],
                rows["digest"],
                tuple(rows["starts"]),
                tuple(tuple(axis) for axis in rows["axes"]),
            ),
            "inputs": tuple(Input(**item) for item in wire["inputs"]),
            "row_inputs": {path: Input(**item) for path, item in wire["row_inputs"].items()},
            "shapes": tuple(Shape(**shape) for shape in wire["shapes"]),
            "results": tuple(wire["results"]),
            "ignore": tuple(wire["ignore"]),
        }
        return cls(**values)
