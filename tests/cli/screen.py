"""A small terminal emulator: it interprets what a program writes, and can change its size like a real terminal."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b[()=>][0-9A-Za-z]?|[\r\n]|[^\x1b\r\n]")


class Screen:
    """The visible lines of a terminal, and the lines that have left it at the top.

    `reflows`: True if a narrower terminal breaks its lines, as tmux, GNOME Terminal and iTerm2 do, and joins them again
    when it grows. False if it cuts them, as xterm does.
    """

    def __init__(self, columns: int, rows: int, *, reflows: bool) -> None:
        self.columns, self.rows, self._reflows = columns, rows, reflows
        #: Each line with True if the next line continues it.
        self._lines: list[tuple[str, bool]] = [("", False) for _ in range(rows)]
        self._history: list[tuple[str, bool]] = []
        self._x = self._y = 0
        self._pending = ""

    def feed(self, text: str) -> None:
        """Interpret output of a program. An escape sequence can continue in the next call."""
        text, self._pending = self._pending + text, ""
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                assert len(text) - at < 30, f"the emulator does not know {text[at : at + 30]!r}"
                self._pending = text[at:]
                return
            at = found.end()
            if found[2]:
                self._control(found[1], found[2])
            elif found[0] == "\r":
                self._x = 0
            elif found[0] == "\n":
                self._x = 0  # the terminal driver adds the carriage return
                self._next_line(continued=False)
            elif found[0][0] != "\x1b":
                self._put(found[0])

    def _put(self, character: str) -> None:
        if self._x >= self.columns:
            self._x = 0
            self._next_line(continued=True)
        line, _ = self._lines[self._y]
        line = line.ljust(self._x)
        self._lines[self._y] = line[: self._x] + character + line[self._x + 1 :], False
        self._x += 1

    def _next_line(self, *, continued: bool) -> None:
        self._lines[self._y] = self._lines[self._y][0], continued
        self._y += 1
        if self._y == self.rows:
            self._history.append(self._lines.pop(0))
            self._lines.append(("", False))
            self._y -= 1

    def _control(self, parameters: str, letter: str) -> None:
        number = int(parameters) if parameters.isdigit() else 1
        if letter == "A":
            self._y = max(0, self._y - number)
        elif letter == "B":
            self._y = min(self.rows - 1, self._y + number)
        elif letter == "H":
            assert parameters == "", parameters
            self._x = self._y = 0
        elif letter == "K":
            assert parameters == "2", parameters
            self._lines[self._y] = "", False
        elif letter == "J":
            assert parameters == "2", parameters
            self._history += self._lines  # as tmux does
            self._lines = [("", False) for _ in range(self.rows)]
        else:
            assert letter in "mhl", f"the emulator does not know \\x1b[{parameters}{letter}"

    def resize(self, columns: int, rows: int) -> None:
        """Change the size. The cursor stays at its character."""
        every, cursor = [*self._history, *self._lines[: self._y + 1]], len(self._history) + self._y
        if self._reflows and columns != self.columns:
            joined: list[str] = []
            at = 0
            for number, (text, _) in enumerate(every):
                joined[-1:] = [joined[-1] + text] if number and every[number - 1][1] else [*joined[-1:], text]
                at = len(joined) - 1 if number == cursor else at
            broken = [[text[i : i + columns] for i in range(0, max(1, len(text)), columns)] for text in joined]
            every = [(part, i < len(parts) - 1) for parts in broken for i, part in enumerate(parts)]
            self._x = min(self._x, columns - 1) if len(joined[at]) < columns else len(broken[at][-1])
        elif columns < self.columns:
            every = [(text[:columns], False) for text, _ in every]
            self._x = min(self._x, columns)
        first = max(0, len(every) - rows)
        self._history, self._lines = every[:first], every[first:]
        self._y = len(self._lines) - 1
        self._lines += [("", False)] * (rows - len(self._lines))
        self.columns, self.rows = columns, rows

    @property
    def text(self) -> list[str]:
        """The visible lines up to the last one that is not empty."""
        lines = [line.rstrip() for line, _ in self._lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def history(self) -> list[str]:
        """The lines that have left the screen at the top."""
        return [line.rstrip() for line, _ in self._history]
