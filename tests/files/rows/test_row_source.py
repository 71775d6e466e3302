"""Rows from a source that can be read only once, and from files that are read as a whole."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from kubeque.files.rows import row_source
from kubeque.files.store import Files
from kubeque.model.errors import ParametersError


def test_json_text_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"a": 1}\n')
    assert row_source.read_rows(Files(), str(path)).n == 1
    monkeypatch.setattr(row_source, "_WHOLE_BYTES", 5)
    with pytest.raises(ParametersError, match="is over 0 MiB: write it as CSV"):
        row_source.read_rows(Files(), str(path))


def test_a_missing_file_is_an_error_of_the_user(tmp_path: Path) -> None:
    for folder in (str(tmp_path), f"file://{tmp_path}", "memory://rows"):
        with pytest.raises(ParametersError, match=r"(?i)no such file"):
            row_source.read_rows(Files(), f"{folder}/p.csv")


def test_a_pipe_is_read_once_and_only_as_far_as_needed() -> None:
    # Given a pipe with rows
    text = b"a\n" + b"".join(b"%d\n" % number for number in range(20_000))
    source = io.BytesIO(text)
    spool = row_source._Spool(lambda: source)

    # When readers overlap, then each gets all bytes, and no reader has read further than the others needed
    first, second = spool.open(), spool.open()
    assert first.read(10) == text[:10]
    assert source.tell() < len(text)
    assert second.read() == text
    assert first.read() == text[10:]
    assert spool.open().read() == text


def test_rows_of_a_named_pipe_can_be_iterated_twice(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    if os.fork() == 0:  # pragma: no cover
        path.write_bytes(b"a;b\n1;2\n3;4\n")
        os._exit(0)
    rows = row_source.read_rows(Files(), str(path))
    os.wait()
    assert list(rows) == list(rows) == [("1", "2"), ("3", "4")]
