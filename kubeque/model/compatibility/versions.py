"""Compare the kubeque version that a job needs with the version of the running program."""

from __future__ import annotations

import re
from itertools import zip_longest

#: Lowest version that may work on a job without newer features. docs/architecture.md lists the features that raise it.
BASE_NEEDS = "0.2"
#: Lowest version that may work on a paused job, because an older version would start its tasks.
PAUSE_NEEDS = "0.3"
#: Lowest version that may work on a job with killed rows, because an older version would run a row whose kill is
#: unfinished.
KILLED_ROWS_NEEDS = "0.3"
#: Lowest version that may work on a job whose environment is in a file on the machine (`JobSpec.local`).
LOCAL_NEEDS = "0.3"
#: Lowest version that passes values to a function with their Python types.
FUNCTION_NEEDS = "0.3"
#: Lowest version that may work on a job that does not run only on its own cluster, because consumers of an older
#: version would run its tasks.
RUN_ON_NEEDS = "0.3"
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
#: The version in the tag of an image's name.
_TAG = re.compile(r":(\d+(?:\.\d+)+[\w.-]*)(?:@|$)")


def is_older(version: str, than: str) -> bool:
    """True if `version` is lower than `than`. For example, 0.9 is lower than 0.10.

    A text that does not begin with a number counts as higher than every version.
    """
    for own, other in zip_longest(_parse(version), _parse(than), fillvalue=0.0):
        if own != other:
            return own < other
    return False


def higher(version: str, other: str) -> str:
    """Return the higher of two versions."""
    return other if is_older(version, other) else version


def _parse(version: str) -> list[float]:
    """Return the numbers of a version without its suffix (`.dev1`, `rc2`)."""
    found = _NUMBERS.match(version)
    return [float(number) for number in found.group().split(".")] if found else [float("inf")]


def tag_version(image: str) -> str:
    """Return the version in the tag of an image's name; empty if the tag is not a version."""
    found = _TAG.search(image)
    return found[1] if found else ""


def warn_of_difference(what: str, version: str, own: str) -> str:
    """Return a warning if `version` differs from `own`; empty if both are equal or `version` is empty.

    `what`: beginning of the sentence, for example "its record was written by".
    """
    if version in ("", own):
        return ""
    return f"{what} kubeque {version}, but this program is kubeque {own}: install one version everywhere"


def needs_newer(name: str, needs: str, own: str) -> str:
    """Return the message for a job on which this program, of the version `own`, must not work.

    `needs`: the lowest version that may work on the job `name`.
    """
    return f"the job {name!r} needs kubeque {needs}, but this program is kubeque {own}: {how_to_install(needs)}"


def how_to_install(version: str) -> str:
    """Return the command that installs `version` or a newer version."""
    return f"pip install 'kubeque>={version}'"
