"""Convert errors of stores to StorageError, and repeat requests that failed with a temporary error."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Container
from itertools import count
from typing import TypeGuard, TypeVar

from kubeque.model.errors import FileDamaged, FileMissing, FileRefused, StorageError, StoreUnavailable
from kubeque.model.url_logins import hide_logins, hide_logins_of
from kubeque.retry import Sleep, retry

T = TypeVar("T")

#: Pauses between tries if a store does not answer, seconds, before a random change. The libraries of the stores also
#: try a few times.
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
#: Time since the first try after which a failure is final, seconds. The first failure is never final, because gcsfs
#: itself tries for half a minute before it reports a failure.
_ENOUGH_SECONDS = 30.0
#: Libraries whose errors concern the connection to the store, not an answer of the store.
_TRANSPORTS = {"aiohttp", "requests", "urllib3"}
#: Names of the connection errors of botocore and google.auth. These errors have no common base class.
_LOST_CONNECTIONS = {"ConnectionError", "HTTPClientError", "TransportError"}
#: Names of the error numbers of temporary errors. Names are used, because no system defines all of these numbers.
_PASSING = {
    "EAGAIN", "EBUSY", "EIO", "EREMOTEIO", "ETIMEDOUT", "ECONNRESET", "ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH",
    "ENETDOWN", "EHOSTDOWN", "ENOTCONN", "ESTALE",
}  # fmt: skip
#: Error numbers of a file system that concern only one file: _ONE_FILE for each action, _ONE_FILE_READ also for reads.
_ONE_FILE = frozenset(
    {
        errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY,
        errno.ELOOP, errno.EFBIG, errno.ENXIO, errno.EACCES, errno.EPERM,
    }
)  # fmt: skip
_ONE_FILE_READ = frozenset({errno.EIO})
#: HTTP statuses with which an object store refuses the name of one object.
_BAD_NAME = (400, 414)


def translate_error(verb: str, url: str, error: Exception, *, local: bool = False) -> StorageError:
    """Return the StorageError to raise if `error` prevented an action on the file `url`.

    `verb`: name of the action, for example "read". `local`: True if a system call on `url` raised `error`, False if a
    store did.
    """
    if isinstance(error, StorageError):
        return error
    if isinstance(error, FileNotFoundError | NotADirectoryError) and verb == "read":
        return FileMissing(f"cannot read {url}: there is no such file")
    if isinstance(error, IsADirectoryError) and verb == "read":
        return FileDamaged(f"cannot read {url}: it is a directory, not a file")
    one_file = _is_of_file(verb, error) if local else _is_of_name(verb, error)
    kind = FileRefused if one_file else StoreUnavailable if is_transient(error) else StorageError
    return kind(f"cannot {verb} {hide_logins(url)}: {hide_logins_of(url, reason(error))}")


def _is_of_file(verb: str, error: Exception) -> bool:
    """True if the error of a system call concerns only one file.

    Also True for a ValueError: a system call raises it if the path has a NUL or a lone surrogate.
    """
    number = error.errno if isinstance(error, OSError) else None
    return isinstance(error, ValueError) or number in _ONE_FILE or (verb == "read" and number in _ONE_FILE_READ)


def _is_of_name(verb: str, error: Exception) -> bool:
    """True if an object store refuses the name of one object.

    Also True for a ValueError in a write, because gcsfs raises it for some answers with the HTTP status 400.
    """
    number = error.errno if isinstance(error, OSError) else None
    answer = verb == "write" and (isinstance(error, ValueError) or _status(error) in _BAD_NAME)
    return answer or number == errno.ENAMETOOLONG


def reason(error: Exception) -> str:
    """Return the text of an error as one line, for messages."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    if isinstance(error, FileNotFoundError) and not error.errno:
        text = f"there is no such bucket ({text})"
    return " ".join(str(text).split())


def is_full(error: BaseException | None) -> TypeGuard[OSError]:
    """True if the reason for an error is that a disk or quota of this machine is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_transient(error: Exception) -> bool:
    """True if an error is temporary, so that the same request may succeed a little later."""
    if (status := _status(error)) is not None:
        return status in (408, 429) or status >= 500
    if _has_base(error, ("SSLCertVerificationError",)) or type(error).__name__ == "SSLError":
        return False
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    if isinstance(error, OSError) and error.errno is not None:
        # EAI_AGAIN means that the name server did not answer. If the name does not exist, the number is different.
        return error.errno == socket.EAI_AGAIN or errno.errorcode.get(error.errno) in _PASSING
    if _has_base(error, _LOST_CONNECTIONS):
        return True
    # Any other error is final, for example a refusal without a status number such as "Forbidden" from gcsfs.
    return type(error).__module__.partition(".")[0] in _TRANSPORTS


def _has_base(error: Exception, names: Container[str]) -> bool:
    """True if the class of an error, or one of its base classes, has one of these names.

    So the library that defines the class need not be imported.
    """
    return any(base.__name__ in names for base in type(error).__mro__)


def _status(error: Exception) -> int | None:
    """Return the HTTP status of the store's answer; None if the store did not answer, or if the status is unknown."""
    # s3fs reports each error code that it does not know as EIO, whatever the status is.
    answer = getattr(error.__cause__, "response", None)
    if isinstance(answer, dict) and isinstance(error, OSError) and error.errno == errno.EIO:
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        status = getattr(error, "status", None) or getattr(error, "code", None)
    return status if isinstance(status, int) else None


def patiently(verb: str, url: str, request: Callable[[], T], *, sleep: Sleep = time.sleep) -> T:
    """Return the result of `request`. Repeat `request` while it fails with a temporary error. Raises StorageError.

    `verb`: name of the action, for example "read". `url`: file of the action. Both are for messages.
    """
    began, failures = time.monotonic(), count(1)

    def again(error: Exception) -> bool:
        return is_transient(error) and (next(failures) == 1 or time.monotonic() - began <= _ENOUGH_SECONDS)

    try:
        return retry(request, again=again, pauses=PAUSES, spread=(0.5, 1.5), sleep=sleep)
    # Catch everything: the errors of the libraries that fsspec uses (aiohttp, botocore, google.auth) have no common
    # base class.
    except Exception as error:
        raise translate_error(verb, url, error) from error
