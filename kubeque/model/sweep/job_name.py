"""The rules for the names of jobs, and a generator of random readable names."""

from __future__ import annotations

import re
import secrets

from kubeque.model.errors import UserError
from kubeque.model.text import describe

#: Maximum size of a job's name in UTF-8, bytes. The job's folder has the same name, and file systems allow 255 bytes.
MAX_NAME_BYTES = 200
#: Characters with which a name must not begin. With ".", the job's folder would be hidden; "-" looks like an option.
_NOT_FIRST = (".", "-", " ")
#: Pattern of references to recent jobs (`@`, `@2`), which cannot be names.
_RECENT = re.compile(r"@\d*")
_ADJECTIVES = "amber bold brisk calm clear crisp eager fair fleet gentle grand keen light lively lucid mellow neat noble quick quiet rapid solid steady sunny swift tidy vivid warm wise"  # noqa: E501
_NOUNS = "acorn anchor aspen badger beacon birch brook canyon cedar comet coral delta ember falcon fern fjord garnet harbor heron island juniper lagoon lantern maple meadow otter pebble pine quartz raven reef ridge river sparrow summit thistle tundra willow"  # noqa: E501


def check_name(name: str) -> str:
    """Return `name` if it is a valid name of a job. Otherwise raise UserError with the reason."""
    wrong = _find_fault(name)
    if wrong:
        raise UserError(f"job name {describe(name)}: {wrong}: choose another name, for example nightly-render")
    return name


def _find_fault(name: str) -> str:
    """Return the reason why a name is not valid; empty if the name is valid."""
    if not isinstance(name, str):
        return "it is not a text"
    if not name:
        return "it is empty"
    if name.startswith(_NOT_FIRST):
        return "it begins with a dot, a hyphen or a blank"
    if _RECENT.fullmatch(name):
        return "commands read it as a recent job"
    if "/" in name or "\\" in name:
        return "it has a / or \\"
    if not name.isprintable():  # for example control characters, characters that reorder text, lone surrogates
        return "it has a character that cannot be printed"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    return ""


def readable_name() -> str:
    """Return a random job name of two words and five digits, for example `calm-otter-40712`."""
    pick = secrets.choice
    return f"{pick(_ADJECTIVES.split())}-{pick(_NOUNS.split())}-{secrets.randbelow(90_000) + 10_000}"
