"""`kubeque.map`: a Python function over rows, from a notebook or a script; a table comes back."""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from kubeque.client import Client
from kubeque.model.errors import CommandError, JobFailed, ParametersError
from kubeque.model.parameters import Rows, from_frame, from_records
from kubeque.model.sweep import Sweep

_RUNNER = """
if __name__ == "__main__":
    import json, os, sys
    casts = {"int": int, "float": float, "bool": lambda text: text == "true", "str": str}
    with open("row.json", encoding="utf-8") as file:
        row = json.load(file)
    kinds = json.loads(sys.argv[1])
    value = %s(**{name: casts[kind](row[name]) for name, kind in kinds.items()})
    out = value if isinstance(value, dict) else {"value": value}
    with open(os.environ["KUBEQUE_OUT"], "w", encoding="utf-8") as file:
        json.dump(out, file)
"""


def as_rows(rows: Rows | Iterable[Mapping[str, object]] | Any) -> Rows:
    """Rows from what people have: rows already, a DataFrame, or dicts. Raises ParametersError."""
    if hasattr(rows, "to_spec"):
        return cast(Rows, rows)
    if hasattr(rows, "itertuples"):
        return from_frame(rows)
    if isinstance(rows, str | bytes | Mapping):
        raise ParametersError(f"rows are a {type(rows).__name__}: give a list of dicts, a DataFrame or grid(...)")
    return from_records(rows)


def map(
    function: Callable[..., Any],
    rows: Rows | Iterable[Mapping[str, object]] | Any,
    *,
    name: str | None = None,
    client: Client | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Run `function(**row)` for each row as a sweep, and return its table: one dict per row, in order.

    The function's source is sent, so it imports inside itself what it needs. Its arguments are cast by its annotations
    (int, float, bool, str; str where there is none). It returns a flat dict of scalars (columns `out.*`) or one scalar
    (`out.value`). `options` are those of `Sweep`, as in `memory="2Gi", consumers=4`.

    Raises CommandError for a function whose source cannot be had, JobFailed (naming the job) if rows failed.
    """
    source, kinds = _source(function), _kinds(function)
    found = as_rows(rows)
    missing = [argument for argument in kinds if argument not in (*found.columns, "index")]
    if missing:
        raise CommandError(f"{function.__name__} takes {missing[0]!r}: the columns are {', '.join(found.columns)}")
    opened = client or Client()
    try:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / f"{function.__name__}.py"
            script.write_text(source + _RUNNER % function.__name__, encoding="utf-8")
            command = [sys.executable, f"^{script.name}", json.dumps(kinds).replace("{", "\\{").replace("}", "\\}")]
            sweep = Sweep(command, rows=found, name=name, base=Path(folder), **options)
            job = opened.submit(sweep).job
        progress = opened.wait(job.name)
        if progress.job.closing is None or not progress.job.closing.success:
            count = progress.counts.failed + progress.counts.killed
            raise JobFailed(f"{count} of {job.n} rows failed: `kubeque status {job.name} --tasks` shows them")
        return opened.table(job.name)
    finally:
        if client is None:
            opened.close()


def _source(function: Callable[..., Any]) -> str:
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise CommandError(
            f"the source of {function!r} cannot be had: define it with def in a file or a cell"
        ) from error
    if not source.startswith("def "):
        raise CommandError(f"{function.__name__} is not a plain function: define it with def, without decorators")
    return source


def _kinds(function: Callable[..., Any]) -> dict[str, str]:
    kinds = {}
    for argument in inspect.signature(function).parameters.values():
        annotation = argument.annotation
        named = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "str")
        if argument.annotation is inspect.Parameter.empty:
            named = "str"
        if named not in ("int", "float", "bool", "str"):
            raise CommandError(f"{function.__name__} takes {argument.name!r} as {named}: use int, float, bool or str")
        kinds[argument.name] = named
    return kinds
