from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubeque.consumer.attempt.log_tail import QUOTED_CHARACTERS, LiveTail, last_lines, read_stream, stream_problem


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    return tmp_path / "stdout"


def test_a_short_stream_is_text(stream):
    stream.write_text("Grüße\r\n")

    assert read_stream(stream) == ("Grüße\r\n", 9)


@pytest.mark.parametrize(("count", "inline"), [(0, True), (16_384, True), (16_385, False)])
def test_a_long_stream_stays_a_file(stream, count, inline):
    stream.write_bytes(b"x" * count)

    assert read_stream(stream) == ("x" * count if inline else None, count)


def test_a_stream_that_is_no_text_stays_a_file_so_that_no_byte_is_lost(stream):
    stream.write_bytes(b"\x89PNG\r\n\x1a\n\xff")

    assert read_stream(stream) == (None, 9)


def test_a_stream_that_was_removed_is_empty(stream):
    assert read_stream(stream) == ("", 0)
    assert last_lines(stream) == []
    assert stream_problem(stream) == ""


@pytest.mark.parametrize("replace", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/etc/hostname")])
def test_a_stream_that_the_task_replaced_is_lost_and_holds_nobody(stream, live, shown, replace):
    replace(stream)

    assert read_stream(stream) == ("", 0)
    assert last_lines(stream) == []
    assert "what the command wrote to stdout is lost: the task replaced that file" in stream_problem(stream)
    live.close()
    assert shown == []


def test_last_lines_are_those_that_say_something(stream):
    stream.write_text("a\nb\nValueError: zoom\n\n   \n")

    assert last_lines(stream, 2) == ["b", "ValueError: zoom"]


def test_last_lines_do_nothing_to_a_terminal(stream):
    stream.write_text("\x1b]0;title\x07\x1b[31mred\x1b[0m\x00\n 10%\r 50%\r100% done\r\n\x1b[2Jx\x9b2J\n")

    assert last_lines(stream, 3) == ["red", "100% done", "x2J"]


def test_a_quoted_line_is_cut(stream):
    stream.write_text("x" * 100_000)

    assert last_lines(stream) == ["x" * (QUOTED_CHARACTERS - 1) + "…"]


@pytest.fixture
def shown() -> list[str]:
    return []


@pytest.fixture
def live(stream: Path, shown: list[str]) -> LiveTail:
    return LiveTail(stream, shown.append, prefix="[7] ")


def append(stream: Path, data: bytes) -> None:
    with stream.open("ab") as file:
        file.write(data)


def test_a_growing_stream_is_shown_line_by_line(stream, live, shown):
    live.pump()
    append(stream, b"one\ntwo\nth")
    live.pump()
    assert shown == ["[7] one\n[7] two\n"]

    append(stream, b"ree\nlast")
    live.pump()
    live.pump()
    live.close()
    assert shown[1:] == ["[7] three\n", "[7] last\n"]


def test_half_a_letter_waits_for_its_other_half(stream, live, shown):
    append(stream, "ü".encode()[:1])
    live.pump()
    append(stream, "ü".encode()[1:] + b"\n")
    live.close()

    assert shown == ["[7] ü\n"]


def test_a_line_without_end_does_not_grow_in_memory(stream, live, shown):
    append(stream, b"x" * 20_000)
    live.pump()

    assert shown == ["[7] " + "x" * 20_000 + "\n"]


def test_a_stream_that_is_too_fast_loses_its_middle_and_says_so(stream, live, shown):
    append(stream, b"begin\nhalf")
    live.pump()
    append(stream, b"\n" * (3 << 20) + b"end\n")
    live.close()

    text = "".join(shown)
    assert text.startswith(f"[7] begin\n[7] half\n[7] [{(3 << 20) + 4 - (1 << 20)} bytes not shown]\n")
    assert text.endswith("[7] end\n")


def test_a_stream_that_was_cut_short_is_shown_again(stream, live, shown):
    append(stream, b"one\ntwo\n")
    live.pump()
    stream.write_bytes(b"new\n")
    live.pump()

    assert shown == ["[7] one\n[7] two\n", "[7] new\n"]
