"""The choice of files and streams of a task for a fetch."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from kubeque.files.layout import stream_name
from kubeque.jobs.results.result_manifest import ResultFile
from kubeque.lazy_dataclass import dataclass
from kubeque.model.globs import selection

#: Patterns for file names, with the syntax of the option `results`; empty: all files.
Globs = tuple[str, ...]
#: Patterns for the usual names of the streams.
STREAM_GLOBS: Globs = (stream_name("stdout"), stream_name("stderr"))


class Streams(IntEnum):
    """The streams of a task that a fetch fetches. A larger member includes all streams of a smaller member."""

    NONE = 0
    #: The streams that have at least one byte.
    FILLED = 1
    #: Both streams, even if they are empty. So each task has a folder, even if it wrote no files.
    ALL = 2

    @property
    def stored(self) -> str:
        """The text for this value in a journal; empty for ALL. A journal of an earlier version has no text."""
        return "" if self is Streams.ALL else self.name.lower()

    @classmethod
    def from_stored(cls, text: object) -> Streams:
        """Return the value for a text in a journal. An unknown or missing text means ALL."""
        return {"none": cls.NONE, "filled": cls.FILLED}.get(text, cls.ALL) if isinstance(text, str) else cls.ALL


@dataclass(frozen=True, slots=True)
class FileChoice:
    """The choice of the files of each task to fetch."""

    globs: Globs = ()
    streams: Streams = Streams.ALL

    def select(self, files: Iterable[ResultFile]) -> list[ResultFile]:
        """Return the chosen files of `files`. The patterns in `globs` apply to the names of streams, too."""
        matches = selection(self.globs, ())
        return [file for file in files if matches(file.name) and self._brings(file)]

    def _brings(self, file: ResultFile) -> bool:
        if not file.is_stream or self.streams is Streams.ALL:
            return True
        return self.streams is Streams.FILLED and file.size > 0
