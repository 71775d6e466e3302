"""The console for live views on standard error, made with the library rich.

On this console, the text of users and programs cannot control the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from kubeque.cli.output.streams import SafeStream
from kubeque.model.text import safe_text
from kubeque.terminal_resize import erase_after_resize


class _SafeConsole(Console):
    """A console that replaces control characters in each text before it adds its own colours and cursor movements."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(safe_text(segment.text), segment.style)


class _OwnText:
    """A file to which rich writes safe text together with its own escape sequences. The text is not changed again."""

    def __init__(self, stream: SafeStream) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        return self._stream.write_own(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def open_console() -> Console:
    """Return a console for standard error. The console interprets no markup in a text, and does not colour numbers."""
    stream = sys.stderr
    file: TextIO = _OwnText(stream) if isinstance(stream, SafeStream) else stream  # type: ignore[assignment]
    console = _SafeConsole(file=file, highlight=False, markup=False)
    erase_after_resize(console)
    return console
