"""Properties of files in a store."""

from __future__ import annotations

from kubeque.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """Properties of one file that are known without reading it."""

    #: Size in bytes; None if the store does not report it.
    size: int | None
    #: A text that changes whenever the file changes: generation, etag, or time and size.
    generation: str
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder in a listing."""

    name: str
    #: Size in bytes; 0 for a folder.
    size: int = 0
    #: Time of the last change, Unix seconds; None for a folder, or if the store does not report the time.
    modified: float | None = None
    folder: bool = False
