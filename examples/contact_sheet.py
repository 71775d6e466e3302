#!/usr/bin/env python3
"""Tile PNG pictures with captions into one; needs only Python.

    python3 contact_sheet.py TARGET PICTURE... [--captions CAPTION...]

The PNG format is https://www.w3.org/TR/png. The input is 8-bit RGB without interlace, with any filter.
"""

from __future__ import annotations

import argparse
import math
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Bytes of one RGB pixel.
PIXEL = 3

BACKGROUND = bytes.fromhex("0d1119")
FRAME = bytes.fromhex("2b3446")
INK = bytes.fromhex("c8d3e6")

#: Pixels around and between the pictures.
MARGIN = 24
#: Pixels between a picture and its caption.
CAPTION_GAP = 12

GLYPH_WIDTH, GLYPH_HEIGHT = 5, 7
#: Sizes of a caption: a long one has the next smaller size; in the smallest size it is cut.
CAPTION_SCALES = (2, 1)
#: The end of a caption that was cut.
CUT = ".."

#: The letters of the caption: a line of names, and below it the drawings of their glyphs.
FONT = """
A     B     C     D     E     F     G     H     I     J     K     L     M
.###. ####. .###. ####. ##### ##### .###. #...# .###. ..### #...# #.... #...#
#...# #...# #...# #...# #.... #.... #...# #...# ..#.. ...#. #..#. #.... ##.##
#...# #...# #.... #...# #.... #.... #.... #...# ..#.. ...#. #.#.. #.... #.#.#
##### ####. #.... #...# ####. ####. #.### ##### ..#.. ...#. ##... #.... #.#.#
#...# #...# #.... #...# #.... #.... #...# #...# ..#.. ...#. #.#.. #.... #...#
#...# #...# #...# #...# #.... #.... #...# #...# ..#.. #..#. #..#. #.... #...#
#...# ####. .###. ####. ##### #.... .###. #...# .###. .##.. #...# ##### #...#
N     O     P     Q     R     S     T     U     V     W     X     Y     Z
#...# .###. ####. .###. ####. .#### ##### #...# #...# #...# #...# #...# #####
##..# #...# #...# #...# #...# #.... ..#.. #...# #...# #...# #...# #...# ....#
#.#.# #...# #...# #...# #...# #.... ..#.. #...# #...# #...# .#.#. .#.#. ...#.
#.#.# #...# ####. #...# ####. .###. ..#.. #...# #...# #.#.# ..#.. ..#.. ..#..
#..## #...# #.... #.#.# #.#.. ....# ..#.. #...# #...# #.#.# .#.#. ..#.. .#...
#...# #...# #.... #..#. #..#. ....# ..#.. #...# .#.#. ##.## #...# ..#.. #....
#...# .###. #.... .##.# #...# ####. ..#.. .###. ..#.. #...# #...# ..#.. #####
0     1     2     3     4     5     6     7     8     9     +     -     =
.###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###. ..... ..... .....
#...# .##.. #...# ...#. ..##. #.... .#... ....# #...# #...# ..#.. ..... .....
#..## ..#.. ....# ..#.. .#.#. ####. #.... ...#. #...# #...# ..#.. ..... #####
#.#.# ..#.. ...#. ...#. #..#. ....# ####. ..#.. .###. .#### ##### ##### .....
##..# ..#.. ..#.. ....# ##### ....# #...# ..#.. #...# ....# ..#.. ..... #####
#...# ..#.. .#... #...# ...#. #...# #...# ..#.. #...# ...#. ..#.. ..... .....
.###. .###. ##### .###. ...#. .###. .###. ..#.. .###. .##.. ..... ..... .....
.     ,     :     ;     (     )     /     %     _     '     #     *     !
..... ..... ..... ..... ...#. .#... ....# ##... ..... ..#.. .#.#. ..... ..#..
..... ..... ..#.. ..#.. ..#.. ..#.. ....# ##..# ..... ..#.. .#.#. #.#.# ..#..
..... ..... ..#.. ..#.. .#... ...#. ...#. ...#. ..... ..... ##### .###. ..#..
..... ..... ..... ..... .#... ...#. ..#.. ..#.. ..... ..... .#.#. ##### ..#..
..... ..#.. ..#.. ..#.. .#... ...#. .#... .#... ..... ..... ##### .###. .....
..#.. ..#.. ..#.. ..#.. ..#.. ..#.. #.... #..## ..... ..... .#.#. #.#.# .....
..#.. .#... ..... .#... ...#. .#... #.... ...## ##### ..... .#.#. ..... ..#..
"""
#: Drawn for a letter that the font does not have.
UNKNOWN_GLYPH = ("#####", "#...#", "#...#", "#...#", "#...#", "#...#", "#####")
BLANK_GLYPH = (".....",) * GLYPH_HEIGHT


@dataclass(frozen=True)
class Image:
    """A picture in memory."""

    #: Pixels from left to right.
    width: int
    #: The rows from the top, each of width * PIXEL bytes.
    rows: Sequence[bytes | bytearray]

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return len(self.rows)


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the body of each chunk of a PNG file. Raises ValueError if it is damaged."""
    if not data.startswith(SIGNATURE):
        raise ValueError("it is not a PNG file")
    position = len(SIGNATURE)
    while position < len(data):
        if position + 12 > len(data):
            raise ValueError("it is cut short")
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise ValueError("it is cut short")
        if struct.unpack_from(">I", data, end) != (zlib.crc32(data[position + 4 : end]),):
            raise ValueError("a checksum is wrong")
        yield data[position + 4 : position + 8], data[position + 8 : end]
        position = end + 4


def paeth(left: int, above: int, above_left: int) -> int:
    """Return the neighbour nearest to left + above - above_left, in this order when equal (PNG, section 9.4)."""
    estimate = left + above - above_left
    return min((left, above, above_left), key=lambda neighbour: abs(estimate - neighbour))


def unfilter(kind: int, row: bytes, above: bytes | bytearray) -> bytearray:
    """Undo the filter of one row; above is the row before it, unfiltered (PNG, section 9)."""
    plain = bytearray(row)
    if kind not in range(5):
        raise ValueError(f"filter {kind} does not exist")
    for index in range(len(plain) if kind else 0):
        left = plain[index - PIXEL] if index >= PIXEL else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = above[index]
        elif kind == 3:
            guess = (left + above[index]) // 2
        else:
            guess = paeth(left, above[index], above[index - PIXEL] if index >= PIXEL else 0)
        plain[index] = (plain[index] + guess) & 0xFF
    return plain


def decode(data: bytes) -> Image:
    """Decode the bytes of a PNG file. Raises ValueError with the reason."""
    parts = list(chunks(data))
    if not parts or parts[0][0] != b"IHDR" or len(parts[0][1]) != 13:
        raise ValueError("the header is missing")
    width, height, *form = struct.unpack(">IIBBBBB", parts[0][1])
    if form != [8, 2, 0, 0, 0]:
        raise ValueError("only 8-bit RGB without interlace can be read")
    try:
        packed = zlib.decompress(b"".join(body for kind, body in parts if kind == b"IDAT"))
    except zlib.error as error:
        raise ValueError(f"the pixels cannot be unpacked ({error})") from error
    stride = 1 + width * PIXEL
    if not width or not height or len(packed) != stride * height:
        raise ValueError(f"{width}x{height} pixels are declared, the file has {len(packed)} bytes")
    rows: list[bytearray] = []
    above = bytearray(width * PIXEL)
    for start in range(0, len(packed), stride):
        above = unfilter(packed[start], packed[start + 1 : start + stride], above)
        rows.append(above)
    return Image(width, rows)


def encode(image: Image) -> bytes:
    """Return the bytes of a PNG file without filters. (mandelbrot.py has its own copy, because it is sent alone.)"""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in image.rows), 9)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def load(path: Path) -> Image:
    """Read one picture. Raises ValueError with the file and the reason."""
    try:
        return decode(path.read_bytes())
    except OSError as error:
        raise ValueError(f"cannot read the picture {path}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"cannot read the picture {path}: {error}") from error


@cache
def glyphs() -> dict[str, tuple[str, ...]]:
    """Return the drawings of FONT by letter."""
    lines = FONT.strip("\n").splitlines()
    pitch = GLYPH_WIDTH + 1
    found = {" ": BLANK_GLYPH}
    for top in range(0, len(lines), GLYPH_HEIGHT + 1):
        drawings = lines[top + 1 : top + 1 + GLYPH_HEIGHT]
        for left in range(0, len(lines[top]), pitch):
            found[lines[top][left]] = tuple(line[left : left + GLYPH_WIDTH] for line in drawings)
    return found


class Canvas:
    """The sheet while it is drawn. All drawings are inside of it: the margin is wider than the shortest cut caption."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._rows = [bytearray(BACKGROUND * width) for _ in range(height)]

    def image(self) -> Image:
        """Return the picture."""
        return Image(self._width, self._rows)

    def fill(self, left: int, top: int, width: int, height: int, *, colour: bytes) -> None:
        """Draw a rectangle."""
        for row in self._rows[top : top + height]:
            row[left * PIXEL : (left + width) * PIXEL] = colour * width

    def paste(self, image: Image, left: int, top: int) -> None:
        """Draw a picture with a thin frame around it."""
        self.fill(left - 1, top - 1, image.width + 2, image.height + 2, colour=FRAME)
        for row, pixels in zip(self._rows[top : top + image.height], image.rows, strict=True):
            row[left * PIXEL : (left + image.width) * PIXEL] = pixels

    def write(self, text: str, centre: int, top: int, *, scale: int) -> None:
        """Draw one line of capitals around a centre."""
        left = centre - text_width(text, scale) // 2
        for place, letter in enumerate(text):
            start = left + place * (GLYPH_WIDTH + 1) * scale
            for y, line in enumerate(glyphs().get(letter, UNKNOWN_GLYPH)):
                for x in (x for x, mark in enumerate(line) if mark == "#"):
                    self.fill(start + x * scale, top + y * scale, scale, scale, colour=INK)


def text_width(text: str, scale: int) -> int:
    """Return the width of a line of letters in pixels, without the gap after the last."""
    return (len(text) * (GLYPH_WIDTH + 1) - 1) * scale


def fit(caption: str, width: int) -> tuple[str, int]:
    """Return the caption in capitals and the largest scale at which it fits into the width; cut it if none does."""
    text = caption.upper()
    for scale in CAPTION_SCALES:
        if text_width(text, scale) <= width:
            return text, scale
    letters = (width // scale + 1) // (GLYPH_WIDTH + 1)
    return text[: max(0, letters - len(CUT))] + CUT, scale


def contact_sheet(pictures: Sequence[Path], target: Path, captions: Sequence[str]) -> None:
    """Tile the pictures, each with its caption below, into the PNG file target; the last line is centred.

    Raises ValueError when there are no pictures, when one cannot be read or when a caption is missing or left over.
    """
    if not pictures or len(pictures) != len(captions):
        raise ValueError(f"{len(pictures)} pictures and {len(captions)} captions: give one or more, a caption each")
    images = [load(path) for path in pictures]
    lines = math.isqrt(len(images))
    columns = math.ceil(len(images) / lines)
    width, height = max(image.width for image in images), max(image.height for image in images)
    pitch_x = width + MARGIN
    pitch_y = height + CAPTION_GAP + GLYPH_HEIGHT * CAPTION_SCALES[0] + MARGIN
    canvas = Canvas(MARGIN + columns * pitch_x, MARGIN + math.ceil(len(images) / columns) * pitch_y)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        line, column = divmod(index, columns)
        missing = columns - min(columns, len(images) - line * columns)
        left = MARGIN + column * pitch_x + missing * pitch_x // 2
        top = MARGIN + line * pitch_y
        canvas.paste(image, left + (width - image.width) // 2, top + (height - image.height) // 2)
        text, scale = fit(caption, width)
        canvas.write(text, left + width // 2, top + height + CAPTION_GAP, scale=scale)
    target.write_bytes(encode(canvas.image()))


def main(words: Sequence[str]) -> int:
    """Read the command line, write the sheet, and return the exit code."""
    parser = argparse.ArgumentParser(description="Tile PNG pictures with captions into one.")
    parser.add_argument("target", type=Path, help="PNG file to write")
    parser.add_argument("pictures", type=Path, nargs="+", help="PNG files to tile")
    parser.add_argument("--captions", nargs="+", help="one for each picture; the names of their folders otherwise")
    arguments = parser.parse_args(words)
    captions = arguments.captions or [path.resolve().parent.name for path in arguments.pictures]
    try:
        contact_sheet(arguments.pictures, arguments.target, captions)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"{arguments.target}: {len(captions)} pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
