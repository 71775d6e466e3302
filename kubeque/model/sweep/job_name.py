"""The rule of a job's name, and random readable names."""

from __future__ import annotations

import secrets

from kubeque.model.errors import UserError
from kubeque.model.text import describe

#: Longest name of a job, bytes of UTF-8: the name of the job is the name of a folder.
MAX_NAME_BYTES = 255
#: A name that begins with "." would be a hidden folder, one that begins with "-" an option of a command.
_NOT_FIRST = (".", "-", " ")
_ADJECTIVES = "amber bold brisk calm clear crisp eager fair fleet gentle grand keen light lively lucid mellow neat noble quick quiet rapid solid steady sunny swift tidy vivid warm wise"  # noqa: E501
_NOUNS = "acorn anchor aspen badger beacon birch brook canyon cedar comet coral delta ember falcon fern fjord garnet harbor heron island juniper lagoon lantern maple meadow otter pebble pine quartz raven reef ridge river sparrow summit thistle tundra willow"  # noqa: E501


def check_name(name: str) -> str:
    """Return the name of a job if it is valid. Raises UserError."""
    wrong = _find_fault(name)
    if wrong:
        raise UserError(f"job name {describe(name)}: {wrong}: choose another name, for example nightly-render")
    return name


def _find_fault(name: str) -> str:
    """Return the fault of a name; empty if there is none."""
    if not isinstance(name, str):
        return "it is not a text"
    if not name:
        return "it is empty"
    if name.startswith(_NOT_FIRST):
        return "it begins with a dot, a hyphen or a blank"
    if "/" in name or "\\" in name:
        return "it has a / or \\"
    if not name.isprintable():  # control characters, marks that change the direction of text, lone surrogates
        return "it has a character that cannot be printed"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    return ""


def readable_name() -> str:
    """Return a random job name of two words and five digits, for example `calm-otter-40712`."""
    pick = secrets.choice
    return f"{pick(_ADJECTIVES.split())}-{pick(_NOUNS.split())}-{secrets.randbelow(90_000) + 10_000}"
