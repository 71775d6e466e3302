"""The failure of an attempt that has no result: its cause and its message."""

from __future__ import annotations

import logging

from kubeque.consumer.attempt.input_cache import StageFailed
from kubeque.lazy_dataclass import dataclass
from kubeque.model.config.config_file import hide_password
from kubeque.model.errors import CommandError, FileDamaged, FileMissing, StorageError
from kubeque.model.job.causes import Cause
from kubeque.model.text import one_line

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Reason why an attempt has no result."""

    cause: Cause
    #: One line for users.
    message: str
    #: True if a further attempt would fail in the same way.
    final: bool = False


def stage_failure(error: StageFailed | StorageError | CommandError) -> Failure:
    """Return the failure of an attempt that could not be staged. Its cause is `stage`.

    `error`: reason why the working directory, the row or the command is not available.
    """
    permanent = isinstance(error, FileMissing | FileDamaged | CommandError)
    final = error.permanent if isinstance(error, StageFailed) else permanent
    return Failure(Cause.STAGE, str(error), final)


def internal_failure(error: Exception, doing: str) -> Failure:
    """Log an unexpected error with its traceback. Return a failure of the attempt with the cause `internal`.

    `doing`: description of the task and the step, for the log.
    """
    message = describe(error)
    log.error("%s: an error in kubeque, please report it: %s", doing, message, exc_info=error)
    return Failure(Cause.INTERNAL, message)


def describe(error: BaseException) -> str:
    """Return the type and the text of an error in one line, without passwords."""
    text = one_line(hide_password(str(error)))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
