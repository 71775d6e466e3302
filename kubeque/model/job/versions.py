"""Compare versions of kubeque: which one a job needs, and which one runs."""

from __future__ import annotations

import re
from itertools import zip_longest

#: Lowest version that may work on a job which uses nothing newer; docs/architecture.md lists what raises it.
BASE_NEEDS = "0.2"
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
#: The version in the tag of an image's name.
_TAG = re.compile(r":(\d+(?:\.\d+)+[\w.-]*)(?:@|$)")


def is_older(version: str, than: str) -> bool:
    """True if `version` comes before `than`, as 0.9 before 0.10. A text without a number at its start is the newest."""
    for own, other in zip_longest(_parse(version), _parse(than), fillvalue=0.0):
        if own != other:
            return own < other
    return False


def _parse(version: str) -> list[float]:
    """Return the numbers of a version; what is behind them (`.dev1`, `rc2`) does not count."""
    found = _NUMBERS.match(version)
    return [float(number) for number in found.group().split(".")] if found else [float("inf")]


def tag_version(image: str) -> str:
    """Return the version in the tag of an image's name; empty if the tag is no version."""
    found = _TAG.search(image)
    return found[1] if found else ""


def warn_of_difference(what: str, version: str, own: str) -> str:
    """Return one line that names a version other than `own`; empty if they are equal, or `version` is not known."""
    if version in ("", own):
        return ""
    return f"{what} kubeque {version} and this is kubeque {own}: install one version everywhere"


def how_to_install(version: str) -> str:
    """Return the command that installs `version` or a newer one."""
    return f"pip install 'kubeque>={version}'"
