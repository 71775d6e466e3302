"""Call a function with the values of a row. Tasks run a copy of this file, so it must not import kubeque.

The file must run on every Python that an image can have (3.7 and later).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

#: Maximum size in bytes of a return value that becomes columns of the table. A larger value becomes a file, and only
#: its short parts become columns.
LARGEST_OUT = 16 * 1024
#: File with a return value larger than LARGEST_OUT.
RETURN_FILE = "return.json"
#: Variable with the types of the row's values by column, as JSON. Columns with text are left out.
TYPES_VARIABLE = "KUBEQUE_ROW_TYPES"
#: Kind of an argument that gets its value with its original Python type.
AS_GIVEN = "given"

_TRUTHS: dict[str, bool] = {"true": True, "false": False}
_CASTS: dict[str, Callable[[str], Any]] = {
    "int": int, "float": float, "str": str, "bool": lambda text: _TRUTHS[text.lower()],
}  # fmt: skip
_READERS: dict[str, Callable[[str], Any]] = {
    "i": int, "f": float, "b": lambda text: text == "true", "n": lambda text: None, "m": float,
    "j": json.loads,
}  # fmt: skip


def cast(text: str, kind: str, letter: str) -> Any:
    """Return the value of an argument from its text.

    `kind`: int, float, bool, str, list or dict, with `?` if the value may be None; "given" for an argument that takes
    the value with the type that it has in the row. `letter`: type of the value in the row (see value_types). Raises
    ValueError or KeyError if the value does not fit the kind.
    """
    given = _READERS.get(letter, str)(text)
    name = kind.rstrip("?")
    missing = letter == "n" or (letter == "m" and name != "float")  # NaN is a float, and no other kind has it
    if missing and kind.endswith("?"):
        return None
    if kind == AS_GIVEN:
        return given
    if name in _CASTS and not missing:
        return _CASTS[name](text)
    if type(given).__name__ != name:
        raise ValueError(text)
    return given


def call(function: Callable[..., Any], constants: dict[str, Any], kinds: dict[str, str]) -> None:
    """Call `function` and write its return value to $KUBEQUE_OUT, or to `return.json` if it is large.

    `constants`: arguments, keyed by name. `kinds`: kinds of the arguments that come from the row, keyed by name.
    """
    name = function.__name__
    with open("row.json", encoding="utf-8") as file:
        row = json.load(file)
    types = json.loads(os.environ.get(TYPES_VARIABLE, "{}"))
    arguments = dict(constants)
    for column, kind in kinds.items():
        try:
            arguments[column] = cast(row[column], kind, types.get(column, "t"))
        except (ValueError, KeyError):
            sys.exit(f"{name}: the column {column!r} must be {kind}, and {row.get(column)!r} is not")
    _write(name, function(**arguments))


def _write(name: str, value: Any) -> None:
    def plain(value: Any) -> Any:
        if type(value).__module__.split(".")[0] == "numpy":
            return value.tolist()
        return sys.exit(f"{name} returned a {type(value).__name__}: return a value that JSON can hold")

    if value is None:
        return
    whole = json.dumps(value, default=plain)
    value = json.loads(whole)
    parts = value if isinstance(value, dict) else {"value": value}
    out = {key: json.dumps(item) if isinstance(item, (dict, list)) else item for key, item in parts.items()}
    if len(json.dumps(out)) > LARGEST_OUT:
        with open(RETURN_FILE, "w", encoding="utf-8") as file:
            file.write(whole)
        out = _shorten(out)
    with open(os.environ["KUBEQUE_OUT"], "w", encoding="utf-8") as file:
        file.write(json.dumps(out))


def _shorten(out: dict[str, Any]) -> dict[str, Any]:
    """Return as many entries of `out` as fit into LARGEST_OUT bytes. The shortest entries are chosen first.

    The chosen entries keep their order. The name of the file with all values, RETURN_FILE, is added at the end.
    """
    sizes = {key: len(json.dumps({key: value})) for key, value in out.items()}
    room = LARGEST_OUT - len(json.dumps({"return_file": RETURN_FILE}))
    kept = set()
    for key in sorted(sizes, key=sizes.__getitem__):
        room -= sizes[key]
        if room >= 0:
            kept.add(key)
    return {**{key: value for key, value in out.items() if key in kept}, "return_file": RETURN_FILE}
