"""What a store's refusal means: in words for people, and whether it is worth another try."""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable
from typing import TypeGuard, TypeVar

from kubeque.model.errors import FileDamaged, FileMissing, StorageError

T = TypeVar("T")

#: Seconds between tries of a store that is away, before jitter; the libraries have tried a few times by then.
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
#: Seconds after which a second failure is the last: gcsfs alone tries for half a minute before it says the first time.
_ENOUGH_SECONDS = 30.0
#: Libraries whose errors tell of the way to the store, not of the store's answer.
_TRANSPORTS = {"aiohttp", "requests", "urllib3"}
#: By name, as not every system has them all.
_PASSING = {
    "EAGAIN", "EBUSY", "EIO", "EREMOTEIO", "ETIMEDOUT", "ECONNRESET", "ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH",
}  # fmt: skip


def refused(verb: str, url: str, error: Exception) -> StorageError:
    """What to raise for `error`, met when trying to `verb` (as in "read") the file at `url`."""
    if isinstance(error, StorageError):
        return error
    if isinstance(error, FileNotFoundError | NotADirectoryError) and verb == "read":
        return FileMissing(f"cannot read {url}: there is no such file")
    if isinstance(error, IsADirectoryError) and verb == "read":
        return FileDamaged(f"cannot read {url}: it is a directory, no file")
    return StorageError(f"cannot {verb} {url}: {reason(error)}")


def reason(error: Exception) -> str:
    """What the store said, in one line."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    if isinstance(error, FileNotFoundError) and not error.errno:
        text = f"there is no such bucket ({text})"
    return " ".join(str(text).split())


def is_full(error: BaseException | None) -> TypeGuard[OSError]:
    """Is there no room left on a disk of this machine?"""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_transient(error: Exception) -> bool:
    """Is it likely that the same request succeeds a little later?"""
    status = getattr(error, "status", None) or getattr(error, "code", None)
    if isinstance(status, int):
        return status in (408, 429) or status >= 500
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno) in _PASSING
    # A refusal without any number (gcsfs says "Forbidden" that way) is meant as it is.
    return type(error).__module__.partition(".")[0] in _TRANSPORTS


def patiently(verb: str, url: str, request: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
    """What `request` returns, tried again while the store is away. Raises StorageError."""
    pauses, began, failures = iter(PAUSES), time.monotonic(), 0
    while True:
        try:
            return request()
        # The libraries below fsspec have a tree of errors each (aiohttp, botocore, google.auth) and no common root.
        except Exception as error:
            failures += 1
            enough = failures > 1 and time.monotonic() - began > _ENOUGH_SECONDS
            pause = next(pauses, None) if is_transient(error) and not enough else None
            if pause is None:
                raise refused(verb, url, error) from error
        sleep(pause * random.uniform(0.5, 1.5))
