"""The sample program, run as a task runs it: as a process of its own in an empty folder."""

from __future__ import annotations

import csv
import importlib
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SAMPLE_JOB = EXAMPLES / "sample-job"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command line in tmp_path and returns how it ended."""

    def run_in_folder(*words: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "KUBEQUE_OUT"} | extra
        line = [str(word) for word in words]
        return subprocess.run(
            line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run_in_folder


@pytest.fixture
def mandelbrot(run: Run) -> Run:
    """Runs mandelbrot.py with arguments."""
    return lambda *words, **extra: run(sys.executable, SAMPLE_JOB / "mandelbrot.py", *words, **extra)


@pytest.fixture
def sheets(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module contact_sheet, which is a script beside the packages."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("contact_sheet")


def png(width: int, rows: list[bytes], *, colour_type: int = 2) -> bytes:
    """A PNG file of rows that begin with their filter."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, len(rows), 8, colour_type, 0, 0, 0)
    packed = zlib.compress(b"".join(rows))
    parts = [("IHDR", header), ("tEXt", b"Title\0test"), ("IDAT", packed[:5]), ("IDAT", packed[5:]), ("IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind.encode(), body) for kind, body in parts)


def test_paints_one_picture_and_says_so(mandelbrot: Run, sheets: ModuleType, tmp_path: Path) -> None:
    # When
    ended = mandelbrot("-1.4", "0", "0.5")
    # Then
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("\n") == 1
    assert "mandelbrot.png: 240x180 pixels around (-1.4, 0) at zoom 0.5" in ended.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["mandelbrot.png"]
    picture = sheets.load(tmp_path / "mandelbrot.png")
    assert (picture.width, picture.height) == (240, 180)
    assert len({bytes(row[at : at + 3]) for row in picture.rows for at in range(0, len(row), 3)}) > 1000
    assert list(picture.rows) == list(reversed(picture.rows)), "the set is its own mirror image"


def test_writes_its_values_where_kubeque_out_says(mandelbrot: Run, tmp_path: Path) -> None:
    # When: the view is the main disc and its surroundings, 2 wide and 1.5 high
    assert mandelbrot("-1", "0", "1", KUBEQUE_OUT="out.json").returncode == 0
    # Then
    values = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert set(values) == {"inside", "mean_iterations"}
    assert 0.2 < values["inside"] < 0.5
    assert 0.2 * 150 < values["mean_iterations"] < 150


def test_a_view_within_the_set_is_all_inside(mandelbrot: Run, tmp_path: Path) -> None:
    assert mandelbrot("-1", "-1e-3", "100", KUBEQUE_OUT="out.json").returncode == 0
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["inside"] == 1.0


def test_colours_come_from_a_file(mandelbrot: Run, sheets: ModuleType, tmp_path: Path) -> None:
    # Given
    (tmp_path / "grey.txt").write_text("#808080\n\n#808080 with a remark\n", encoding="utf-8")
    # When
    ended = mandelbrot("3", "0", "1", "-c", "grey.txt")
    # Then
    assert ended.returncode == 0, ended.stderr
    assert set(sheets.load(tmp_path / "mandelbrot.png").rows[0]) == {0x80}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "required: x_scale, y_scale, zoom"),
        (["0", "0"], "required: zoom"),
        (["0", "0", "1", "2"], "unrecognized arguments: 2"),
        (["here", "0", "1"], "argument x_scale: 'here' is not a number"),
        (["0", "-11", "1"], "argument y_scale: -11 is not between -10 and 10"),
        (["0", "0", "0"], "argument zoom: 0 is not between 0.001 and 1e+12"),
        (["0", "0", "-2"], "argument zoom: -2 is not between"),
        (["0", "0", "nan"], "argument zoom: nan is not between"),
        (["0", "0", "1", "-c", "missing.txt"], "missing.txt"),
        (["0", "0", "1", "-c", "red.txt"], "red.txt, line 2: 'red' is not a colour; write it as #rrggbb"),
        (["0", "0", "1", "-c", "one.txt"], "one.txt holds 1 colours; a palette needs at least 2"),
    ],
)
def test_a_bad_argument_ends_with_2_and_one_clear_line(
    mandelbrot: Run, tmp_path: Path, words: list[str], complaint: str
) -> None:
    # Given
    (tmp_path / "red.txt").write_text("#ff0000\nred\n", encoding="utf-8")
    (tmp_path / "one.txt").write_text("#ff0000\n", encoding="utf-8")
    # When
    ended = mandelbrot(*words)
    # Then
    assert ended.returncode == 2
    assert complaint in ended.stderr.splitlines()[-1]
    assert not (tmp_path / "mandelbrot.png").exists()


def test_a_place_that_cannot_be_written_ends_with_1(mandelbrot: Run) -> None:
    ended = mandelbrot("3", "0", "1", KUBEQUE_OUT="no/such/folder/out.json")
    assert ended.returncode == 1
    assert ended.stderr.startswith("mandelbrot.py: cannot write:")


def test_the_parameters_are_seven_views_ever_closer() -> None:
    with (SAMPLE_JOB / "params.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    zooms = ["0.25", "0.5", "1", "2", "5", "10", "20"]
    assert rows == [{"x_scale": "-1.4", "y_scale": "0", "zoom": zoom} for zoom in zooms]


def test_the_script_draws_with_the_letters_of_its_file(run: Run, tmp_path: Path) -> None:
    # When: it is started as a program, not through python3
    ended = run(SAMPLE_JOB / "render.py", "-c", SAMPLE_JOB / "colors.txt", "-0.7", "0", "0.7")
    # Then
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert {len(line) for line in lines} == {72}
    assert set("".join(lines)) == set(" .:-=+*%#")
    assert lines == list(reversed(lines))
    assert "\x1b[38;2;15;85;96m:" in (tmp_path / "picture.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(("colours", "zoom"), [("missing.txt", "1"), ("empty.txt", "1"), ("good.txt", "0")])
def test_the_script_refuses_a_bad_argument(run: Run, tmp_path: Path, colours: str, zoom: str) -> None:
    # Given
    (tmp_path / "empty.txt").touch()
    (tmp_path / "good.txt").write_text("#ff0000 x\n", encoding="utf-8")
    # When
    ended = run(SAMPLE_JOB / "render.py", "-c", colours, "0", "0", zoom)
    # Then
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("render.py: error: ")


def test_all_filters_of_a_picture_are_undone(sheets: ModuleType) -> None:
    # Given: a row by each filter, worked out by hand from the specification
    rows = [
        bytes([0, 10, 20, 30, 40, 50, 60]),
        bytes([1, 10, 20, 30, 5, 5, 5]),
        bytes([2, 1, 1, 1, 255, 255, 255]),
        bytes([3, 1, 1, 1, 2, 2, 2]),
        bytes([4, 1, 1, 1, 2, 2, 2]),
    ]
    # When
    picture = sheets.decode(png(2, rows))
    # Then
    assert [list(row) for row in picture.rows] == [
        [10, 20, 30, 40, 50, 60],
        [10, 20, 30, 15, 25, 35],
        [11, 21, 31, 14, 24, 34],
        [6, 11, 16, 12, 19, 27],
        [7, 12, 17, 14, 21, 29],
    ]


def test_the_contact_sheet_shows_every_picture(sheets: ModuleType, tmp_path: Path) -> None:
    # Given: three pictures of one colour each, of two sizes
    sizes_and_colours = [((80, 60), (200, 0, 0)), ((80, 60), (0, 200, 0)), ((40, 30), (0, 0, 200))]
    pictures: list[Path] = []
    for (width, height), colour in sizes_and_colours:
        pictures.append(tmp_path / f"{len(pictures)}.png")
        pictures[-1].write_bytes(png(width, [b"\0" + bytes(colour) * width] * height))
    # When
    sheets.contact_sheet(pictures, tmp_path / "sheet.png", ["zoom 1", "", "far too long for so small a picture"])
    # Then
    sheet = sheets.load(tmp_path / "sheet.png")
    pixels = [tuple(row[at : at + 3]) for row in sheet.rows for at in range(0, len(row), 3)]
    assert (sheet.width, sheet.height) == (24 + 3 * (80 + 24), 24 + 60 + 12 + 14 + 24)
    assert {len(row) for row in sheet.rows} == {3 * sheet.width}
    for (width, height), colour in sizes_and_colours:
        assert pixels.count(colour) == width * height
    assert pixels.count(tuple(sheets.INK)) > 100
    assert pixels[0] == tuple(sheets.BACKGROUND)


def test_seven_pictures_make_four_and_three(sheets: ModuleType, tmp_path: Path) -> None:
    picture = tmp_path / "one.png"
    picture.write_bytes(png(1, [b"\0\xff\xff\xff"]))
    sheets.contact_sheet([picture] * 7, tmp_path / "sheet.png", list("1234567"))
    sheet = sheets.load(tmp_path / "sheet.png")
    whites = [row.count(b"\xff\xff\xff") for row in sheet.rows]
    assert [count for count in whites if count] == [4, 3]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"GIF89a", "it is not a PNG file"),
        (png(1, [b"\0abc"])[:-3], "it is cut short"),
        (png(1, [b"\0abc"])[:-1] + b"?", "a checksum is wrong"),
        (png(1, [b"\0abc"], colour_type=6), "only 8-bit RGB without interlace"),
        (png(1, [b"\0abcd"]), "1x1 pixels are declared, the file has 5 bytes"),
        (png(1, [b"\5abc"]), "filter 5 does not exist"),
    ],
)
def test_a_picture_that_cannot_be_read_is_named(
    sheets: ModuleType, tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(ValueError, match=rf"bad\.png: .*{complaint}"):
        sheets.contact_sheet([tmp_path / "bad.png"], tmp_path / "sheet.png", ["bad"])
    assert not (tmp_path / "sheet.png").exists()


def test_every_picture_needs_a_caption(sheets: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 pictures and 1 captions"):
        sheets.contact_sheet([tmp_path / "a.png", tmp_path / "b.png"], tmp_path / "sheet.png", ["a"])


def test_the_contact_sheet_is_a_program_too(run: Run, tmp_path: Path) -> None:
    # Given
    for index in ("0", "1"):
        (tmp_path / "results" / index).mkdir(parents=True)
        (tmp_path / "results" / index / "mandelbrot.png").write_bytes(png(1, [b"\0abc"]))
    pictures = sorted(tmp_path.glob("results/*/mandelbrot.png"))
    # When
    good = run(sys.executable, EXAMPLES / "contact_sheet.py", "sheet.png", *pictures)
    bad = run(sys.executable, EXAMPLES / "contact_sheet.py", "sheet.png", "missing.png")
    # Then
    assert (good.returncode, good.stdout) == (0, "sheet.png: 2 pictures\n")
    assert bad.returncode == 2
    assert "cannot read the picture missing.png" in bad.stderr
