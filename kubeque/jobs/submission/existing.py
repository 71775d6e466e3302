"""The ways to submit under the name of an existing job."""

from __future__ import annotations

from enum import Enum


class Existing(Enum):
    """The ways to submit a sweep if a job with the same name exists."""

    #: The existing job stays. If its spec differs from the spec of the sweep, the submission fails.
    REFUSE = "refuse"
    #: Failed and changed rows run under the new spec. A row has changed if its command, inputs, image or values
    #: changed.
    REVISE = "revise"
    #: All rows run under the new spec.
    REPLACE = "replace"
    #: Only rows that failed run under the new spec. Rows that are ok keep their results.
    REPAIR = "repair"
