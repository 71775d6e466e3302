"""A configuration file of another user is not read from the current folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubeque.model.config.config import Config
from kubeque.model.errors import ConfigError


def load(folder: Path, explicit: Path | None = None) -> Config:
    return Config.load(start=folder, home=folder.parent / "home", environ={}, explicit=explicit)


@pytest.mark.parametrize(
    ("file", "folder", "why"),
    [
        (0o644, 0o755, ""), (0o600, 0o700, ""), (0o664, 0o775, ""), (0o644, 0o1777, ""),
        (0o646, 0o755, "other users may write"), (0o644, 0o777, "other users may write"),
    ],
)  # fmt: skip
def test_a_file_that_others_may_write_is_not_read(tmp_path: Path, file: int, folder: int, why: str) -> None:
    place = tmp_path / "repo"
    place.mkdir()
    (place / ".kubeque").write_text("consumers = 3\n")
    (place / ".kubeque").chmod(file)
    place.chmod(folder)

    if why:
        with pytest.raises(ConfigError, match=f"{why}.*--config"):
            load(place)
    else:
        assert load(place).consumers == 3
    assert load(place, place / ".kubeque").consumers == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("strange", [".kubeque", "."])
def test_a_file_of_another_user_is_not_read(tmp_path: Path, strange: str) -> None:
    place = tmp_path / "repo"
    place.mkdir()
    (place / ".kubeque").write_text("consumers = 3\n")
    os.chown(place / strange, 4321, -1)

    with pytest.raises(ConfigError, match="belongs to another user"):
        load(place)
    assert load(place, place / ".kubeque").consumers == 3
