"""The manifest of an attempt that a task has forged: a wrong type is a damaged file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubeque.files.layout import manifest_url
from kubeque.files.store import Files
from kubeque.jobs.results.result_manifest import read_checked_result
from kubeque.model.errors import FileDamaged

GOOD = {
    "command": ["true"],
    "out": {"a": 1},
    "files": [],
    "stdout": "x",
    "stderr": None,
    "stderr_bytes": 7,
    "seconds": 0.5,
}
WRONG: list[Any] = ["\ud800", {"a": [1]}, True, 7, "x", [1], float("inf")]
FITS: dict[str, list[Any]] = {
    "command": [[1]], "out": [], "files": [], "stdout": ["x"], "message": ["x"],
    "stdout_bytes": [True, 7], "seconds": [True, 7], "peak_memory": [True, 7],
}  # fmt: skip


def test_a_value_of_a_wrong_type_is_a_damaged_file(tmp_path: Path) -> None:
    files, path = Files(), Path(manifest_url(str(tmp_path)))
    path.write_text(json.dumps(GOOD))
    assert read_checked_result(files, str(tmp_path)) == GOOD

    for key, fits in FITS.items():
        for value in WRONG:
            path.write_text(json.dumps({**GOOD, key: value}))
            if value in fits:
                assert read_checked_result(files, str(tmp_path))[key] == value
            else:
                with pytest.raises(FileDamaged, match="is damaged or forged"):
                    read_checked_result(files, str(tmp_path))
