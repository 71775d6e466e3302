"""The ways to submit under the name of an existing job."""

from __future__ import annotations

from enum import Enum

from kubeque.model.errors import UserError
from kubeque.model.text import describe


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


def read_existing(value: Existing | str) -> Existing:
    """Return the member of `Existing` for a member or a word such as "repair". Raises UserError for other words."""
    try:
        return Existing(value)
    except ValueError:
        words = " or ".join(repr(each.value) for each in Existing)
        raise UserError(f"existing {describe(value)}: give {words}") from None
