"""The failure of an attempt that has no result, because of an expected problem or an unexpected error."""

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
    """The reason why an attempt has no result."""

    cause: Cause
    #: One line for users.
    message: str
    #: True if a further attempt would fail in the same way.
    final: bool = False


def stage_failure(error: StageFailed | StorageError | CommandError) -> Failure:
    """Return the failure of an attempt whose working directory, row or command is not available."""
    permanent = isinstance(error, FileMissing | FileDamaged | CommandError)
    final = error.permanent if isinstance(error, StageFailed) else permanent
    return Failure(Cause.STAGE, str(error), final)


def internal_failure(error: Exception, doing: str) -> Failure:
    """Log an unexpected error with its traceback, and return it as the failure of an attempt.

    `doing`: the task and the step, for the log.
    """
    message = describe(error)
    log.error("%s: an error in kubeque, please report it: %s", doing, message, exc_info=error)
    return Failure(Cause.INTERNAL, message)


def describe(error: BaseException) -> str:
    """Return the type and text of an error, as one line without passwords."""
    text = one_line(hide_password(str(error)))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
