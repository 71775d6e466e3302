"""Properties of files in a store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """Properties of one file that are known without reading it."""

    #: Bytes; None: the store does not report it.
    size: int | None
    #: Changes whenever the file does (generation, etag, or time and size).
    generation: str
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder in a listing."""

    name: str
    #: Bytes; 0 for a folder.
    size: int = 0
    #: Time of the last change, Unix seconds; None: a folder, or the store does not report it.
    modified: float | None = None
    folder: bool = False
