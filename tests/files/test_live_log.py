"""The ends of streams: read, and kept as JSON without losing a byte."""

from __future__ import annotations

from pathlib import Path

from kubeque.files.live_log import LiveLog, Tail, read_tail


def test_a_tail_begins_with_a_line_and_never_with_half_a_letter(tmp_path: Path) -> None:
    stream = tmp_path / "stdout"
    assert read_tail(stream) == Tail()

    stream.write_text("first\nsecond ü\nthird\n")
    assert read_tail(stream).text == "first\nsecond ü\nthird\n"
    assert read_tail(stream, 10).text == "third\n"
    assert (read_tail(stream, 10).start, read_tail(stream, 10).end) == (12, 22)

    stream.write_text("ü" * 100)
    assert read_tail(stream, 5).text == "\ufffdüü"


def test_a_log_is_kept_byte_for_byte() -> None:
    log = LiveLog(12.5, Tail(7, bytes(range(256))), Tail())
    assert LiveLog.from_wire(log.to_wire()) == log
