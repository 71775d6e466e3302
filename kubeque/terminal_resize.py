"""Erase the remains of a live display of the library rich after the terminal changes its size."""

from __future__ import annotations

from rich.console import Console, ConsoleRenderable, RenderHook
from rich.control import Control
from rich.segment import ControlType


class _EraseAfterResize(RenderHook):
    """A hook of the library rich. It erases the screen before the first redraw after a change of the terminal's size.

    A terminal that becomes narrower breaks the lines of the display. A terminal that becomes higher can show lines
    again that had left the screen. In each case the number of lines to erase is unknown, so the whole screen is erased.
    The lines are erased one by one, because many terminals copy a screen into their history if it is cleared at once.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._size = console.size

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        size = self._console.size
        if size == self._size:
            return renderables
        self._size = size
        lines = [(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_DOWN, 1)] * size.height
        return [Control(ControlType.HOME, *lines, ControlType.HOME), *renderables]


def erase_after_resize(console: Console) -> None:
    """Make live displays on this console erase the screen after the terminal has changed its size."""
    if console.is_terminal and not console.is_dumb_terminal:
        console.push_render_hook(_EraseAfterResize(console))
