"""A step of CI, and the table of all steps."""

from __future__ import annotations

from dataclasses import dataclass

#: Start of a need for a Python version, for example python-3.13.
_PYTHON = "python-"


@dataclass(frozen=True)
class Step:
    """One command of CI."""

    name: str
    command: str
    #: Duration on an idle machine with 2 cores, seconds.
    usual_seconds: int
    #: Seconds after which the step is ended.
    limit_seconds: int
    #: True if CI fails unless the step runs.
    always: bool
    #: True if the step needs a Kubernetes cluster.
    needs_cluster: bool
    #: Python version that only this step needs, for example 3.13; empty: none.
    python: str = ""


def parse_steps(text: str) -> list[Step]:
    """Return the steps in a table with the format of .ci/steps."""
    lines = (line.strip() for line in text.splitlines())
    return [_parse_line(line) for line in lines if line and not line.startswith("#")]


def _parse_line(line: str) -> Step:
    words = line.split(maxsplit=5)
    needs = words[3] if len(words) == 6 else ""
    if words[0] not in ("always", "optional") or not (needs in ("-", "cluster") or needs.startswith(_PYTHON)):
        raise ValueError(f".ci/steps: expected `kind usual limit needs name command`, found {line!r}")
    kind, usual, limit, _, name, command = words
    return Step(
        name, command, int(usual), int(limit), always=kind == "always", needs_cluster=needs == "cluster",
        python=needs.removeprefix(_PYTHON) if needs.startswith(_PYTHON) else "",
    )  # fmt: skip
