"""The properties of files in a store."""

from __future__ import annotations

from kubeque.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """Properties of one file that a store reports without reading the file."""

    #: Size, bytes; None if the store does not report it.
    size: int | None
    #: Text that changes whenever the file changes: generation, ETag, or time and size.
    generation: str
    #: True if the URL is a folder.
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder in the listing of a folder."""

    #: Name in the listed folder.
    name: str
    #: Size, bytes; 0 for a folder.
    size: int = 0
    #: Time of the last change, Unix seconds; None for a folder, or if the store does not report the time.
    modified: float | None = None
    #: True if the entry is a folder.
    folder: bool = False
