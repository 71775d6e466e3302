#!/usr/bin/env python3
"""Paint one view of the Mandelbrot set into mandelbrot.png; needs only Python.

Usage: python3 mandelbrot.py X_SCALE Y_SCALE ZOOM [-c COLORS]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import struct
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

PICTURE = Path("mandelbrot.png")
#: Size of the picture in pixels.
WIDTH, HEIGHT = 240, 180
#: Each pixel is the mean of SAMPLES x SAMPLES points: otherwise the fine threads of the set appear as noise.
SAMPLES = 2
#: Far beyond the 2 that decides about escape: the continuous count is only continuous for a large radius.
ESCAPE_RADIUS = 64.0
#: Width of the view at zoom 1, in units of the plane.
PLANE_WIDTH = 2.0
#: Beyond the upper end neighbouring pixels would be the same floating-point number.
ZOOM_RANGE = (1e-3, 1e12)
#: The set lies within 2 of the origin: a view farther away is empty.
FARTHEST_CENTRE = 10.0

Colour = tuple[float, float, float]
#: The colour of the set itself.
INSIDE: Colour = (5.0, 6.0, 14.0)
DEFAULT_COLOURS = ("#070b2b", "#14408f", "#3f9bd8", "#d6f2f7", "#fff3c4", "#f5a623", "#b8352b", "#3d0f3f")


@dataclass(frozen=True)
class View:
    """The part of the plane that the picture shows."""

    #: Centre of the view.
    x: float
    y: float
    #: Magnification: the view is PLANE_WIDTH / zoom wide.
    zoom: float

    @property
    def limit(self) -> int:
        """Iterations after which a point counts as inside; a larger zoom needs more of them."""
        return 150 + int(30 * max(0.0, math.log2(self.zoom)))

    def columns(self) -> list[float]:
        """The x of every sample column, from the left."""
        return [self.x + offset for offset in self._offsets(WIDTH * SAMPLES)]

    def rows(self) -> list[float]:
        """The y of every sample row, from the top."""
        return [self.y - offset for offset in self._offsets(HEIGHT * SAMPLES)]

    def _offsets(self, count: int) -> list[float]:
        step = PLANE_WIDTH / self.zoom / (WIDTH * SAMPLES)
        return [(index + 0.5 - count / 2) * step for index in range(count)]


class Point(NamedTuple):
    """Result of the iteration for one point of the plane."""

    #: Iterations until the escape, with a fraction that makes them continuous; None inside the set.
    escape: float | None
    #: Number of iterations; the limit inside the set.
    iterations: int


def is_in_a_large_bulb(c: complex) -> bool:
    """True if the point is in the cardioid or in the disc to its left, which are most of the set."""
    x, y_squared = c.real, c.imag * c.imag
    q = (x - 0.25) ** 2 + y_squared
    return q * (q + x - 0.25) <= 0.25 * y_squared or (x + 1.0) ** 2 + y_squared <= 0.0625


def iterate(c: complex, limit: int) -> Point:
    """Follow z -> z*z + c from 0 until it escapes or the limit is reached.

    The fraction is the usual one of the continuous escape time: log2(log|z|) grows by 1 with every iteration.
    """
    if is_in_a_large_bulb(c):
        return Point(None, limit)
    z = 0j
    for count in range(1, limit + 1):
        z = z * z + c
        if (distance := abs(z)) > ESCAPE_RADIUS:
            return Point(count + 1 - math.log2(math.log(distance)), count)
    return Point(None, limit)


def sample(view: View) -> list[list[Point]]:
    """Yield every sample row of the view. The set is symmetric, so a row is computed once for y and -y."""
    columns, limit = view.columns(), view.limit
    known: dict[float, list[Point]] = {}
    for y in map(abs, view.rows()):
        if y not in known:
            known[y] = [iterate(complex(x, y), limit) for x in columns]
    return [known[abs(y)] for y in view.rows()]


class Palette:
    """A closed ring of colours that turns with the logarithm of the escape."""

    #: Steps of the ring, enough to hide bands.
    STEPS = 2048
    #: Turns of the ring for each factor e of the escape.
    TURNS = 0.5
    #: Offset in turns, so that the far field has the first colour.
    START = 0.35

    def __init__(self, stops: Sequence[Colour]) -> None:
        self._ring = [mix(stops, step * len(stops) / self.STEPS) for step in range(self.STEPS)]

    def colour(self, point: Point) -> Colour:
        """Return the colour of one sample."""
        if point.escape is None:
            return INSIDE
        turns = self.TURNS * math.log1p(max(point.escape, 0.0)) - self.START
        return self._ring[int(max(turns, 0.0) * self.STEPS) % self.STEPS]


def mix(stops: Sequence[Colour], position: float) -> Colour:
    """Return the colour between two neighbours of a closed ring, smoothed at each stop."""
    index = int(position)
    share = (1.0 - math.cos(math.pi * (position - index))) / 2.0
    first, second = stops[index % len(stops)], stops[(index + 1) % len(stops)]
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def colour_of(word: str) -> Colour:
    """Turn #rrggbb into three numbers from 0 to 255; raise ValueError for any other word."""
    digits = word.removeprefix("#")
    if len(digits) != 6 or len(word) != 7 or not set(digits.lower()) <= set("0123456789abcdef"):
        raise ValueError(f"{word!r} is not a colour; write it as #rrggbb")
    red, green, blue = bytes.fromhex(digits)
    return float(red), float(green), float(blue)


def read_colours(path: str) -> list[Colour]:
    """Read the first word of every line of a file as a colour. Raises ValueError with file, line and remedy."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the colours from {path}: {error}") from error
    colours = []
    for number, words in enumerate(map(str.split, lines), start=1):
        try:
            colours += [colour_of(words[0])] if words else []
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    if len(colours) < 2:
        raise ValueError(f"{path} holds {len(colours)} colours; a palette needs at least 2, one #rrggbb in each line")
    return colours


def paint(points: Sequence[Sequence[Point]], palette: Palette) -> bytes:
    """Return the picture as RGB bytes: each pixel is the mean colour of its samples."""
    pixels = bytearray()
    for top in range(0, len(points), SAMPLES):
        rows = [[palette.colour(point) for point in row] for row in points[top : top + SAMPLES]]
        for left in range(0, len(rows[0]), SAMPLES):
            colours = [colour for row in rows for colour in row[left : left + SAMPLES]]
            pixels += bytes(round(sum(channel) / len(colours)) for channel in zip(*colours, strict=True))
    return bytes(pixels)


def png(rgb: bytes, width: int, height: int) -> bytes:
    """Pack RGB bytes as a PNG file: https://www.w3.org/TR/png, 8 bits a channel, every row unfiltered."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    stride = 3 * width
    rows = b"".join(b"\0" + rgb[start : start + stride] for start in range(0, stride * height, stride))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def summarise(points: Sequence[Sequence[Point]]) -> dict[str, float]:
    """Return the values that the sweep compares: the share inside the set, and the mean of the iterations."""
    flat = [point for row in points for point in row]
    inside = sum(point.escape is None for point in flat)
    iterations = sum(point.iterations for point in flat)
    return {"inside": round(inside / len(flat), 6), "mean_iterations": round(iterations / len(flat), 3)}


def number_between(low: float, high: float) -> Callable[[str], float]:
    """Return a parser of one argument for argparse."""

    def read(word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{word.strip()!r} is not a number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{word.strip()} is not between {low:g} and {high:g}")
        return value

    return read


def parse(words: Sequence[str]) -> tuple[View, list[Colour]]:
    """Read the command line; a wrong one ends the program with exit code 2."""
    parser = argparse.ArgumentParser(description="Paint one view of the Mandelbrot set into mandelbrot.png.")
    centre = number_between(-FARTHEST_CENTRE, FARTHEST_CENTRE)
    parser.add_argument("x_scale", type=centre, help="x of the centre of the view")
    parser.add_argument("y_scale", type=centre, help="y of the centre of the view")
    parser.add_argument("zoom", type=number_between(*ZOOM_RANGE), help="magnification; 1 shows a view 2 wide")
    parser.add_argument("-c", "--colors", help="file with one #rrggbb in each line, from far to near")
    arguments = parser.parse_args([shield(word) for word in words])
    try:
        colours = read_colours(arguments.colors) if arguments.colors else [colour_of(c) for c in DEFAULT_COLOURS]
    except ValueError as error:
        parser.error(str(error))
    return View(arguments.x_scale, arguments.y_scale, arguments.zoom), colours


def shield(word: str) -> str:
    """Put a blank before a negative number: argparse knows -1.4, but treats -1e-3 as an option."""
    try:
        float(word)
    except ValueError:
        return word
    return word if word[0] != "-" else " " + word


def main(words: Sequence[str]) -> int:
    """Paint the picture, print a line, write the values for kubeque if requested, and return the exit code."""
    view, colours = parse(words)
    points = sample(view)
    values = summarise(points)
    try:
        PICTURE.write_bytes(png(paint(points, Palette(colours)), WIDTH, HEIGHT))
        if out := os.environ.get("KUBEQUE_OUT"):
            Path(out).write_text(json.dumps(values), encoding="utf-8")
    except OSError as error:
        print(f"mandelbrot.py: cannot write: {error}", file=sys.stderr)
        return 1
    print(
        f"{PICTURE}: {WIDTH}x{HEIGHT} pixels around ({view.x:g}, {view.y:g}) at zoom {view.zoom:g}, "
        f"{values['inside']:.1%} inside the set, {values['mean_iterations']:.1f} iterations a point"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
