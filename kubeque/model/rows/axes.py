"""Parse the axes of a grid: `lr=0.1,0.01` and `seed=1..5`."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence

from kubeque.model.errors import ParametersError
from kubeque.model.rows.rows import MAX_TASKS
from kubeque.model.text import cut

_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.(\d+))?")
_BRACKETS = ("[]", "()", "{}")
_LIKE_A_RANGE = re.compile(r"[-+.\deE]*\d[-+.\deE]*\.\.[-+.\deE]*\d[-+.\deE]*")


def read_axes(words: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each axis, from words such as `lr=0.1,0.01`. Raises ParametersError."""
    axes: dict[str, list[str]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals or not name:
            raise ParametersError(f"--grid {cut(word, 40)!r}: write NAME=VALUE,VALUE or NAME=FIRST..LAST")
        if name in axes:
            raise ParametersError(f"--grid {name}: the axis is given twice: write all of its values after one {name}=")
        axes[name] = read_values(name, values)
    return axes


def read_values(name: str, text: str) -> list[str]:
    """Return the values of one axis from a text such as `a,b` or `"a,b",c`. Raises ParametersError.

    Inclusive ranges such as `1..5`, `10..0` and `0..100..10` are expanded.
    """
    if '"' not in text and "," in text:
        _check_unquoted(name, text)
    try:
        fields = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise ParametersError(f"axis {name!r}: {cut(text, 40)!r} is not a list of values ({error})") from error
    values: list[str] = []
    for field in fields:
        values += _expand_range(name, field)
    return values


def _check_unquoted(name: str, text: str) -> None:
    """Raise ParametersError for a list in Python syntax, because its brackets and quotes would become values."""
    if text[0] + text[-1] in _BRACKETS:
        plain = ",".join(part.strip() for part in re.sub(r"[][(){}]", "", text).split(","))
        raise ParametersError(f"axis {name!r}: {cut(text, 40)!r} has brackets: write {name}={cut(plain, 40)}")
    if all(len(part) > 1 and part[0] == part[-1] == "'" for part in text.split(",")):
        plain = text.replace("'", "")
        raise ParametersError(
            f"axis {name!r}: {cut(text, 40)!r} has single quotes: write {name}={cut(plain, 40)}, or use double quotes"
        )
    if any(part != part.strip() for part in text.split(",")):
        plain = ",".join(part.strip() for part in text.split(","))
        raise ParametersError(
            f"axis {name!r}: {cut(text, 40)!r} has blanks around a comma: write {name}={cut(plain, 40)}, or put a value"
            " with blanks into double quotes"
        )


def _expand_range(name: str, field: str) -> list[str]:
    match = _RANGE.fullmatch(field)
    if match is None:
        if _LIKE_A_RANGE.fullmatch(field):
            raise ParametersError(f"axis {name!r}: the range {field!r} is not of whole numbers: list its values")
        return [field]
    try:
        first, last, step = int(match[1]), int(match[2]), int(match[3] or 1)
    except ValueError as error:  # thousands of digits
        raise ParametersError(f"axis {name!r}: the range {cut(field, 40)!r} has too many digits") from error
    if step == 0:
        raise ParametersError(
            f"axis {name!r}: the range {cut(field, 40)!r} has the step 0, so more than {MAX_TASKS} values: write a step"
            " of 1 or more"
        )
    if abs(last - first) // step >= MAX_TASKS:
        raise ParametersError(f"axis {name!r}: the range {cut(field, 40)!r} has more than {MAX_TASKS} values")
    down = last < first
    padded = any(re.match(r"-?0\d", end) for end in match.group(1, 2))
    width = max(map(len, match.group(1, 2))) if padded else 0  # 08..10 is 08, 09, 10, as in the shell
    return [f"{n:0{width}d}" for n in range(first, last - 1 if down else last + 1, -step if down else step)]


def read_grid(grid: Mapping[str, Iterable[object]]) -> dict[str, Iterable[object]]:
    """Return the axes of a jobspec's `grid`. Lists are kept. Texts are parsed by the rules of the command line."""
    return {name: read_values(name, given) if isinstance(given, str) else given for name, given in grid.items()}
