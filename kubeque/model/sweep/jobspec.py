"""Read a jobspec (a sweep as a JSON file), check it against its schema, and merge it with the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from kubeque.model.errors import JobspecError
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.strict_json import NotStrict, parse_strict_json
from kubeque.model.suggestions import suggest
from kubeque.model.sweep.option_types import COUNTS, PAIRS
from kubeque.model.sweep.options import BY_NAME, BY_OLD_NAME, OPTIONS, RENAMED, ROW_CHANGES, ROW_SOURCES, VERSION
from kubeque.model.text import cut, printable

#: Maximum size of a jobspec in bytes. Rows that need more space belong into a CSV file.
MAX_BYTES = 8 << 20
SCHEMA_FILE = "jobspec.schema.json"

#: The values of a jobspec by key, without the keys `version` and `$schema`.
Jobspec = dict[str, Any]


def read_jobspec(data: bytes, where: str) -> Jobspec:
    """Return the contents of a jobspec as a dict, without `version` and `$schema`.

    `data`: contents of the file. Keys with names from earlier versions get their current names. `where`: name of the
    file for messages. Raises JobspecError. Its message has the file and the key.
    """
    if len(data) > MAX_BYTES:
        raise JobspecError(
            f"{where} is larger than {MAX_BYTES >> 20} MiB: put the rows into a CSV file and give its path in"
            ' "parameters"'
        )
    jobspec = _parse(data, where)
    if not isinstance(jobspec, dict):
        raise JobspecError(
            f'{where} holds no JSON object: write one, for example {{"command": ["python3", "^run.py"]}}'
        )
    _check_keys(jobspec, where)
    version = jobspec.pop("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        raise JobspecError(
            f"{where} has version {cut(repr(version), 40)}, but this kubeque reads version {VERSION}: upgrade kubeque,"
            " or write the file as docs/jobspec.md describes"
        )
    _check_values(jobspec, where)
    jobspec.pop("$schema", None)
    return {BY_OLD_NAME[name].name if name in BY_OLD_NAME else name: value for name, value in jobspec.items()}


def _parse(data: bytes, where: str) -> Any:
    try:
        return parse_strict_json(
            data.decode("utf-8-sig"), twice="the key {} occurs twice: remove one of them",
            constant="{} is not a JSON value: write a number or a text",
        )  # fmt: skip
    except NotStrict as error:
        raise JobspecError(f"{where}: {error}") from None
    except UnicodeDecodeError as error:
        raise JobspecError(f"{where} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        raise JobspecError(f"{where} is not JSON ({position}: {error.msg}): correct the file there") from error
    except RecursionError as error:
        raise JobspecError(f"{where} is nested too deeply for a jobspec: see docs/jobspec.md") from error
    except ValueError as error:  # a number has more digits than Python converts
        raise JobspecError(f"{where}: a number has too many digits: write it as a text") from error


def _check_keys(jobspec: Mapping[str, Any], where: str) -> None:
    for name in jobspec:
        if name not in BY_NAME and name not in BY_OLD_NAME and name not in ("version", "$schema"):
            raise JobspecError(f"{where}: unknown key {cut(name, 40)!r}: {_suggest(name)}")
    for old, option in BY_OLD_NAME.items():
        if old in jobspec and option.name in jobspec:
            raise JobspecError(f"{where}: {old!r} and {option.name!r} are the same key: remove the old name, {old!r}")


def _suggest(name: str) -> str:
    """Return a hint with the key that is most similar to the unknown key `name`."""
    flag = "--" + name.lstrip("-").replace("_", "-")
    for option in OPTIONS:
        if any(flag in flags.split("/") for flags in (*option.flags, *option.old_flags)):
            return f"did you mean {option.name!r}?"
    return suggest(name.lower().replace("-", "_"), BY_NAME, "keys", RENAMED)


def _check_values(jobspec: Jobspec, where: str) -> None:
    from jsonschema import Draft202012Validator  # the import takes 0.2 s, and only jobspecs need it

    text = resources.files(__package__).joinpath(SCHEMA_FILE).read_text("utf-8")
    for error in Draft202012Validator(json.loads(text)).iter_errors(jobspec):
        path = list(error.absolute_path)
        if not path:
            raise JobspecError(f"{where}: {cut(error.message, 100)}")
        key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
        option = BY_NAME.get(str(path[0])) or BY_OLD_NAME.get(str(path[0]))
        # The message does not contain a value of `env`, which can be a secret.
        shown = "of the wrong type" if option and option.kind is PAIRS else cut(json.dumps(error.instance), 40)
        raise JobspecError(f"{where}: {printable(key)} is {shown}: {option.kind.remedy if option else 'write a text'}")


def merge(first: Mapping[str, Any], over: Mapping[str, Any]) -> Jobspec:
    """Return a copy of the jobspec `first` with the values of the jobspec `over`.

    For keys such as `env` and `retry_causes` (types PAIRS and COUNTS), the objects of both jobspecs are merged. Any
    other value of `first` is replaced. If `over` defines rows, all options for rows are left out of `first`.
    """
    jobspec = dict(first)
    if any(name in over for name in ROW_SOURCES):
        jobspec = {name: value for name, value in jobspec.items() if name not in (*ROW_SOURCES, *ROW_CHANGES)}
    for name, value in over.items():
        by_name = BY_NAME[name].kind in (PAIRS, COUNTS) and name in jobspec
        jobspec[name] = {**jobspec[name], **value} if by_name else value
    return jobspec


def sweep_fields(jobspec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a jobspec that become fields of a `Sweep`, as a dict from field name to value.

    Options of pods become one field, `pod`.
    """
    fields = {BY_NAME[name].sweep_field: value for name, value in jobspec.items() if BY_NAME[name].sweep_field}
    pod = {name: value for name, value in jobspec.items() if BY_NAME[name].pod}
    return fields | ({"pod": pod} if pod else {})


def kept_fields(job: Job, spec: JobSpec) -> dict[str, Any]:
    """Return the fields for a `Sweep` that resembles a job, as a dict from the name of the field to the value.

    The values come from the record and the spec of the job (`Option.kept`). Empty values are left out.
    """
    records = {"job": job, "spec": spec}
    fields = {}
    for option in OPTIONS:
        record, _, attribute = option.kept.partition(".")
        value = getattr(records[record], attribute) if record else None
        if value not in (None, ""):
            fields[option.sweep_field] = value
    return fields
