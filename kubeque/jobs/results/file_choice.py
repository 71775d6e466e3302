"""The choice of the files of a task: patterns, and whether the streams belong to it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from kubeque.files.layout import stream_name
from kubeque.jobs.results.result_manifest import ResultFile
from kubeque.lazy_dataclass import dataclass
from kubeque.model.globs import selection

#: Patterns for file names, with the syntax of the option `results`. Empty means all files.
Globs = tuple[str, ...]
#: Patterns for the streams.
STREAM_GLOBS: Globs = (stream_name("stdout"), stream_name("stderr"))


class Streams(IntEnum):
    """The streams of a task that a fetch brings. Each member includes the members with smaller numbers."""

    NONE = 0
    #: The streams that have at least one byte.
    FILLED = 1
    #: Both streams, even if they are empty. Each task has a folder, even if it has no files.
    ALL = 2

    @property
    def stored(self) -> str:
        """The text for this value in records. Records of earlier versions lack this text, and stand for all streams."""
        return "" if self is Streams.ALL else self.name.lower()

    @classmethod
    def from_stored(cls, text: object) -> Streams:
        """Return the value for a stored text."""
        return {"none": cls.NONE, "filled": cls.FILLED}.get(text, cls.ALL) if isinstance(text, str) else cls.ALL


@dataclass(frozen=True, slots=True)
class FileChoice:
    """The files of a task to fetch."""

    globs: Globs = ()
    streams: Streams = Streams.ALL

    def select(self, files: Iterable[ResultFile]) -> list[ResultFile]:
        """Return the chosen files. Apply the patterns to streams in the same way as to files."""
        matches = selection(self.globs, ())
        return [file for file in files if matches(file.name) and self._brings(file)]

    def _brings(self, file: ResultFile) -> bool:
        if not file.is_stream or self.streams is Streams.ALL:
            return True
        return self.streams is Streams.FILLED and file.size > 0
