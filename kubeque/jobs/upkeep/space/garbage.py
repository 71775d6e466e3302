"""The items that garbage collection finds: what is deleted, and what stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from kubeque.lazy_dataclass import dataclass

#: Age in seconds below which files are kept, because a submission may still run, or may soon use the files again.
GRACE_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Piece:
    """An item that can be deleted: a job, a folder or an input."""

    #: "expired", "left over", "environment", "working directory", "input" or "cached input".
    kind: str
    #: Name of a job, a URL or a path.
    name: str
    #: Number of files, and their total size in bytes.
    files: int
    bytes: int


@dataclass(slots=True)
class Garbage:
    """The items that can be deleted or were deleted."""

    pieces: list[Piece] = field(default_factory=list)
    #: Reason why inputs, or all items, were not examined; empty if all were examined.
    note: str = ""
    #: Unused inputs that are too young to be deleted: their number, their bytes, and the Unix time after which none is
    #: young.
    young: int = 0
    young_bytes: int = 0
    young_until: float = 0.0
    #: Sentences about files of removed and expired jobs that are not deleted, each with the reason.
    stays: list[str] = field(default_factory=list)
    #: Bytes in the home folder of this machine, by kind of data (`home_usage.KINDS`). Empty if it was not measured.
    home: Mapping[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(piece.bytes for piece in self.pieces)

    def add_young(self, size: int, used: float) -> None:
        """Count an unused input that is younger than GRACE_SECONDS.

        `size`: bytes. `used`: Unix time of its upload or last use.
        """
        self.young += 1
        self.young_bytes += size
        self.young_until = max(self.young_until, used + GRACE_SECONDS)
