"""Pictures that rich redraws in place, on a terminal whose size can change."""

from __future__ import annotations

from rich.console import Console, ConsoleRenderable, RenderHook
from rich.control import Control
from rich.segment import ControlType


class _EraseAfterResize(RenderHook):
    """Erases the screen before the first picture after a change of the terminal's size.

    If a terminal becomes narrower, it breaks the lines of the last picture. If a terminal becomes higher, it can show
    lines again that had left the screen. So the number of lines to erase is unknown. The lines are erased one by one,
    because many terminals copy the screen into their history if it is cleared at once.
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
    """Erase the remains of pictures that are redrawn on this console after the terminal changes its size."""
    if console.is_terminal and not console.is_dumb_terminal:
        console.push_render_hook(_EraseAfterResize(console))
