"""How to submit under the name of a job that exists."""

from __future__ import annotations

from enum import Enum


class Existing(Enum):
    """How to submit under the name of a job that has another spec."""

    REFUSE = "refuse"
    #: Rows that failed, and rows whose command, inputs, image or values changed, run under the new spec.
    REVISE = "revise"
    #: All rows run under the new spec.
    REPLACE = "replace"
    #: Only rows that failed run under the new spec; those that are ok stay as they are.
    REPAIR = "repair"
