"""Parse and format quantities of CPU, memory, disk and time."""

from __future__ import annotations

import re

from kubeque.model.errors import ResourceError
from kubeque.model.text import describe

#: Factors of the suffixes of a Kubernetes quantity (kubernetes.io, "Quantity"). A B can follow, for example `2GB` and
#: `2GiB`.
_SUFFIXES = {
    "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
}  # fmt: skip
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_QUANTITY = re.compile(_NUMBER + r"\s*([A-Za-z]*)")
#: Seconds of each unit of time, by its names.
_SECONDS = {
    name: seconds
    for names, seconds in (
        ("ms", 0.001), ("s sec secs second seconds", 1.0), ("m min mins minute minutes", 60.0),
        ("h hr hrs hour hours", 3600.0), ("d day days", 86400.0), ("w week weeks", 604800.0),
    )
    for name in names.split()
}  # fmt: skip
_PLAIN_SECONDS = re.compile(_NUMBER)
_TIME_PART = re.compile(
    _NUMBER + rf"\s*({'|'.join(sorted(_SECONDS, key=len, reverse=True))})(?![a-z])\s*", re.IGNORECASE
)
_LEAST_BYTES = 1 << 20
_MOST_BYTES = 1 << 60
#: Maximum duration in seconds, about 30 years. Python cannot wait longer than 292 years.
_MOST_SECONDS = 1e9
#: Number of bytes in one MiB.
MI = 1 << 20


def parse_bytes(text: str | int, what: str = "memory") -> int:
    """Return the number of bytes of a quantity such as `100M`, `1.5Gi`, `2GB` or `2 GiB`.

    Raises ResourceError for another text, for less than 1 MiB, and for more than 1 EiB. `what`: name of the quantity,
    for the message.
    """
    match = _QUANTITY.fullmatch(str(text).strip())
    factor = _factor(match[2]) if match else None
    if not match or factor is None or float(match[1]) * factor > _MOST_BYTES:
        raise ResourceError(f"{what} {describe(text)} is not a quantity: write it as 500M, 512Mi or 1.5Gi")
    count = int(float(match[1]) * factor)
    if count < _LEAST_BYTES:
        raise ResourceError(
            f"{what} {describe(text)} means {count} bytes, too little for any program: write it as 512Mi or 1.5Gi"
        )
    return count


def _factor(suffix: str) -> float | None:
    """Return the number of bytes of one unit with this suffix; None if the suffix is unknown.

    Upper and lower case differ only in suffixes without a B, because `m` means a thousandth in Kubernetes.
    """
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    known = {name.lower() + "b": factor for name, factor in _SUFFIXES.items()}
    return known.get(suffix.lower())


def parse_cpu(text: str | float, what: str = "cpu") -> float:
    """Return the number of cores of a Kubernetes quantity such as `0.2`, `2` or `500m`. Raises ResourceError."""
    word = str(text).strip()
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(m?)", word)
    cores = float(match[1]) / (1000 if match[2] else 1) if match else 0.0
    if not 0.001 <= cores <= 10_000:
        raise ResourceError(f"{what} {describe(text)} is not a number of cores: write it as 0.2, 500m or 2")
    return cores


def parse_duration(text: str | float, what: str = "duration") -> float:
    """Return the seconds of a duration such as `90`, `90s`, `1.5h`, `2 days` or `1h30m`. Raises ResourceError."""
    word = str(text).strip()
    seconds = float(word) if _PLAIN_SECONDS.fullmatch(word) else _sum_of_parts(word)
    if not 0 < seconds <= _MOST_SECONDS:
        raise ResourceError(f"{what} {describe(text)} is not a time: write it as 90, 90s, 30m, 1.5h or 2d")
    return seconds


def _sum_of_parts(word: str) -> float:
    """Return the seconds of a duration such as `1h30m` or `30 minutes`; 0 if the word is not a duration.

    Each unit must be smaller than the unit before it, because `30m 30m` is more likely a mistake than an hour.
    """
    at, seconds, smallest = 0, 0.0, float("inf")
    while at < len(word):
        part = _TIME_PART.match(word, at)
        name = part[2] if part else ""
        unit = _SECONDS.get(name if len(name) == 1 else name.lower())  # 1M could be a month
        if part is None or unit is None or unit >= smallest:
            return 0.0
        at, seconds, smallest = part.end(), seconds + float(part[1]) * unit, unit
    return seconds


def format_bytes(count: float) -> str:
    """Return `count` bytes as a short text, for example `1.5Gi`. Exact multiples have no fraction."""
    for suffix in ("", "Ki", "Mi", "Gi", "Ti"):
        if count < 1024 or suffix == "Ti":
            return f"{count:.0f}{suffix}" if count == int(count) or count >= 100 else f"{count:.1f}{suffix}"
        count /= 1024
    raise AssertionError("unreachable")


def format_seconds(seconds: float) -> str:
    """Return a duration in seconds as a short text, for example 0.04s, 1.4s, 12s, 3m05s, 2h10m or 3d04h."""
    if seconds < 10:
        return f"{seconds:.2g}s" if seconds < 1 else f"{seconds:.1f}s"
    whole = int(seconds)
    for unit, below, size in (("d", "h", 86400), ("h", "m", 3600), ("m", "s", 60)):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // (size // (24 if unit == 'd' else 60)):02d}{below}"
    return f"{whole}s"
