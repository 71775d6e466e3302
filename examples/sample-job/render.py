#!/usr/bin/env python3
"""Draw one view of the Mandelbrot set with letters: plain on the screen, in colour in picture.txt.

    render.py -c colors.txt X Y ZOOM

Every line of the colours file is a colour and its letter, from far to near.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

PICTURE = Path("picture.txt")
COLUMNS, LINES = 72, 27
#: Height of a letter divided by its width.
ASPECT = 2.0
#: Iterations after which a point counts as inside the set.
LIMIT = 200
#: Control sequences of a terminal: set the colour of the next letters, and reset it.
COLOUR, PLAIN = "\x1b[38;2;{};{};{}m", "\x1b[0m"


def iterations(c: complex) -> int:
    """Return the iterations of z -> z*z + c until z is farther than 2 from the origin; LIMIT inside the set."""
    z = 0j
    for count in range(LIMIT):
        if abs(z) > 2.0:
            return count
        z = z * z + c
    return LIMIT


def draw(x: float, y: float, zoom: float, inks: list[str]) -> list[str]:
    """Return the lines of the view around (x, y), 2 / zoom wide: inks in logarithmic steps, blank inside the set."""
    step = 2.0 / zoom / COLUMNS
    rows = [y - (line + 0.5 - LINES / 2) * step * ASPECT for line in range(LINES)]
    columns = [x + (column + 0.5 - COLUMNS / 2) * step for column in range(COLUMNS)]
    counts = [[iterations(complex(left, top)) for left in columns] for top in rows]
    fewest = max(1, min(map(min, counts)))
    steps_per_fold = len(inks) / math.log(LIMIT / fewest) if fewest < LIMIT else 0.0
    ink_of = {n: inks[int(math.log(max(n, 1) / fewest) * steps_per_fold)] for row in counts for n in row if n < LIMIT}
    return ["".join(ink_of.get(n, " ") for n in row) for row in counts]


def read_inks(path: Path) -> dict[str, str]:
    """Return the letters of a colours file, each with the control sequence of its colour."""
    inks = {}
    for colour, letter in map(str.split, path.read_text(encoding="utf-8").splitlines()):
        inks[letter] = COLOUR.format(*bytes.fromhex(colour.removeprefix("#")))
    if not inks:
        raise ValueError("the file is empty")
    return inks


def main() -> None:
    """Read the command line, draw on the screen and into picture.txt."""
    parser = argparse.ArgumentParser(description="Draw one view of the Mandelbrot set with letters.")
    parser.add_argument("-c", "--colors", required=True, type=Path, help="file with a colour and a letter in each line")
    for name in ("x", "y", "zoom"):
        parser.add_argument(name, type=float)
    arguments = parser.parse_args()
    if not arguments.zoom > 0:
        parser.error(f"argument zoom: {arguments.zoom} is not greater than 0")
    try:
        inks = read_inks(arguments.colors)
    except (OSError, ValueError) as error:
        parser.error(f"cannot read {arguments.colors}, one '#rrggbb letter' in each line: {error}")
    lines = draw(arguments.x, arguments.y, arguments.zoom, list(inks))
    print("\n".join(lines))
    coloured = ("".join(inks.get(letter, "") + letter for letter in line) + PLAIN for line in lines)
    PICTURE.write_text("\n".join(coloured) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
