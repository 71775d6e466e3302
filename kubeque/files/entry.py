"""What a store says about one object."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """What a store tells of a file without reading it."""

    #: Bytes; None where the store does not say.
    size: int | None
    #: Changes whenever the file does (generation, etag, or time and size).
    generation: str
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder, as a listing has it."""

    name: str
    #: Bytes; 0 for a folder.
    size: int = 0
    #: Unix time, seconds, of the last change; None for a folder, and where the store does not tell.
    modified: float | None = None
    folder: bool = False
