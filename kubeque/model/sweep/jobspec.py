"""A jobspec: a sweep as a JSON file. Read, checked against its schema, and joined with what the command line says."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from kubeque.model.errors import JobspecError
from kubeque.model.sweep.options import BY_NAME, COUNTS, KEYS, PAIRS, ROW_KEYS, VERSION
from kubeque.model.text import cut

#: A longer file is refused before it is read: rows in such numbers belong into a CSV.
MOST_BYTES = 8 << 20
SCHEMA_FILE = "jobspec.schema.json"

Asked = dict[str, Any]


def read_jobspec(data: bytes, where: str) -> Asked:
    """What a file says, by key; `version` and `$schema` are left out. Raises JobspecError, which names file and key."""
    if len(data) > MOST_BYTES:
        raise JobspecError(
            f"{where} is over {MOST_BYTES >> 20} MiB: a jobspec names its rows: put them into a CSV file, and that into"
            ' "parameters"'
        )
    asked = _parse(data, where)
    if not isinstance(asked, dict):
        raise JobspecError(f'{where} holds no JSON object: write one, as in {{"command": ["python3", "^run.py"]}}')
    _check_keys(asked, where)
    version = asked.pop("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        raise JobspecError(
            f"{where}: version {cut(repr(version), 40)}: this kubeque reads version {VERSION}: upgrade kubeque, or "
            "write the file anew by docs/jobspec.md"
        )
    _check_values(asked, where)
    asked.pop("$schema", None)
    return asked


def _parse(data: bytes, where: str) -> Any:
    def once(pairs: Sequence[tuple[str, Any]]) -> Asked:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise JobspecError(f"{where}: the key {cut(twice, 40)!r} is there twice: remove one of the two")
        return found

    def refuse(word: str) -> Any:
        raise JobspecError(f"{where}: {word} is no value of JSON: write a number or a text")

    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=once, parse_constant=refuse)
    except UnicodeDecodeError as error:
        raise JobspecError(f"{where} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise JobspecError(f"{where} is not JSON ({place}: {error.msg}): mend it there") from error
    except RecursionError as error:
        raise JobspecError(f"{where} is nested too deeply to be a jobspec: see docs/jobspec.md") from error
    except ValueError as error:  # a number of more digits than Python reads
        raise JobspecError(f"{where}: a number has too many digits: write it as a text") from error


def _check_keys(asked: Mapping[str, Any], where: str) -> None:
    for name in asked:
        if name not in BY_NAME and name not in ("version", "$schema"):
            raise JobspecError(f"{where}: unknown key {cut(name, 40)!r}: {_nearest(name)}")


def _nearest(name: str) -> str:
    option = "--" + name.lstrip("-").replace("_", "-")
    for key in KEYS:
        if any(option in flag.split("/") for flag in key.flags):
            return f"did you mean {key.name!r}?"
    near = difflib.get_close_matches(name.lower().replace("-", "_"), BY_NAME, 1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(BY_NAME)}"


def _check_values(asked: Asked, where: str) -> None:
    from jsonschema import Draft202012Validator  # a fifth of a second, for those only who have a jobspec

    text = resources.files(__package__).joinpath(SCHEMA_FILE).read_text("utf-8")
    for error in Draft202012Validator(json.loads(text)).iter_errors(asked):
        path = list(error.absolute_path)
        if not path:
            raise JobspecError(f"{where}: {cut(error.message, 100)}")
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
        key = BY_NAME.get(str(path[0]))
        raise JobspecError(
            f"{where}: {cut(place, 60)} is {cut(json.dumps(error.instance), 40)}: "
            f"{key.kind.remedy if key else 'write a text'}"
        )


def joined(first: Mapping[str, Any], over: Mapping[str, Any]) -> Asked:
    """`first`, where `over` says nothing else: values by name are joined, every other value is replaced."""
    asked = dict(first)
    if any(key in over for key in ROW_KEYS):
        asked = {name: value for name, value in asked.items() if name not in ROW_KEYS}
    for name, value in over.items():
        both = BY_NAME[name].kind in (PAIRS, COUNTS) and name in asked
        asked[name] = {**asked[name], **value} if both else value
    return asked


def sweep_fields(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What of it are fields of a Sweep, by field."""
    made = {BY_NAME[name].sweep_field: value for name, value in asked.items() if BY_NAME[name].sweep_field}
    pod = {name: value for name, value in asked.items() if BY_NAME[name].pod}
    return made | ({"pod": pod} if pod else {})
