"""Lists of numbers in an axis of a grid: ranges such as `1..5` or `0..1..0.1`, and calls of `lin` and `log`."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation, localcontext

from kubeque.model.errors import ParametersError
from kubeque.model.rows.rows import MAX_TASKS
from kubeque.model.text import cut

_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,3})?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?:\.\.({_NUMBER}))?")
_WHOLE = re.compile(r"-?\d+")
_LIKE_A_RANGE = re.compile(r"[-+.\deE]*\d[-+.\deE]*\.\.[-+.\deE]*\d[-+.\deE]*")
#: A call in a list of values, such as `lin(0,1,11)`.
FUNCTION = re.compile(r"(lin|log)\(([^()]*)\)")
_USAGE = {
    "lin": "lin(FIRST,LAST,COUNT), for example lin(0,1,11)", "log": "log(FIRST,LAST,COUNT), as in log(1e-4,1,5)"
}  # fmt: skip
#: Number of significant digits of a computed number. A double represents 15 decimal digits exactly.
_DIGITS = 15
#: Limit of the decimal exponent of a bound, positive and negative. Within it, a double has its full precision.
_EXPONENT = 300
#: Maximum length of a range, in characters.
_MAX_CHARACTERS = 400


def expand(axis: str, field: str) -> list[str]:
    """Return the values of a range or of a call; for any other text, a list of only this text. Raises ParametersError.

    `axis`: name of the axis, for messages.
    """
    if call := FUNCTION.fullmatch(field):
        return _call(axis, field, call[1], call[2])
    match = _RANGE.fullmatch(field)
    if match is None:
        if _LIKE_A_RANGE.fullmatch(field):
            raise ParametersError(
                f"axis {axis!r}: {cut(field, 40)!r} is not a range: write FIRST..LAST or FIRST..LAST..STEP, for example"
                " 0..1..0.1"
            )
        return [field]
    shown = f"axis {axis!r}: the range {cut(field, 40)!r}"
    if len(field) > _MAX_CHARACTERS:
        raise ParametersError(f"{shown} has too many digits")
    if all(_WHOLE.fullmatch(part) for part in match.groups() if part):
        return _whole_numbers(shown, match[1], match[2], match[3] or "1")
    if match[3] is None:
        raise ParametersError(f"{shown} has a fraction and no step: write a step, for example {cut(field, 40)}..0.1")
    return _decimals(shown, Decimal(match[1]), Decimal(match[2]), Decimal(match[3]))


def _whole_numbers(shown: str, first_text: str, last_text: str, step_text: str) -> list[str]:
    first, last = int(first_text), int(last_text)
    step = _check_step(shown, Decimal(step_text), abs(Decimal(last) - first))
    padded = any(re.match(r"-?0\d", end) for end in (first_text, last_text))
    width = max(len(first_text), len(last_text)) if padded else 0  # 08..10 is 08, 09, 10: the rule of the shell
    down = last < first
    return [f"{n:0{width}d}" for n in range(first, last - 1 if down else last + 1, -int(step) if down else int(step))]


def _decimals(shown: str, first: Decimal, last: Decimal, step: Decimal) -> list[str]:
    """Return the decimal numbers of a range, without errors of rounding: 0.3 and not 0.30000000000000004.

    The sign of `step` does not matter.
    """
    step = _check_step(shown, step, abs(last - first))
    count = int(abs(last - first) // step) + 1
    signed = step if last >= first else -step
    return [_plain(first + number * signed) for number in range(count)]


def _check_step(shown: str, step: Decimal, distance: Decimal) -> Decimal:
    """Return the step of a range without its sign.

    Raises ParametersError if the step is 0 or the range has too many values.
    """
    if step == 0:
        raise ParametersError(f"{shown} has the step 0: write a step that is not 0")
    if distance / abs(step) >= MAX_TASKS:
        raise ParametersError(f"{shown} has more than {MAX_TASKS} values: write a larger step or a shorter range")
    return abs(step)


def _plain(number: Decimal) -> str:
    """Return the text of a number, without trailing zeros and, for usual sizes, without an exponent."""
    if not number:
        return "0"  # -0 is written as 0, too
    number = number.normalize()
    return f"{number:f}" if -7 < number.adjusted() < _DIGITS else str(number).lower()


def _call(axis: str, field: str, name: str, arguments: str) -> list[str]:
    shown = f"axis {axis!r}: {cut(field, 40)!r}"
    try:
        first, last, count = [Decimal(part.strip()) for part in arguments.split(",")]
        finite = first.is_finite() and last.is_finite() and count.is_finite() and count == int(count)
    except (ValueError, InvalidOperation):
        finite = False
    if not finite:
        raise ParametersError(f"{shown} does not have three numbers: write {_USAGE[name]}")
    if not 2 <= count <= MAX_TASKS:
        raise ParametersError(f"{shown} has {cut(str(count), 20)} values: give a COUNT from 2 to {MAX_TASKS}")
    if name == "log" and not (first > 0 and last > 0):
        raise ParametersError(f"{shown} has a bound that is not above 0: a logarithm needs positive bounds")
    if not all(map(_is_usual, (first, last))):
        raise ParametersError(f"{shown} has a bound that is too large or too small for a floating-point number")
    return _spread(name, first, last, int(count))


def _is_usual(number: Decimal) -> bool:
    """True for 0, and for a number that is neither too large nor too small for a double with full precision."""
    return not number or -_EXPONENT < number.adjusted() < _EXPONENT


def _spread(name: str, first: Decimal, last: Decimal, count: int) -> list[str]:
    """Return `count` numbers from `first` to `last`: with equal differences for `lin`, with equal ratios for `log`."""
    with localcontext() as context:
        context.prec = _DIGITS + 15
        step = (last - first) / (count - 1) if name == "lin" else ((last / first).ln() / (count - 1)).exp()
        numbers, number = [first], first
        for _ in range(count - 2):
            number = number + step if name == "lin" else number * step
            numbers.append(number)
        context.prec = _DIGITS
        return [_plain(+number) for number in (*numbers, last)]
