"""A configuration file of another user is not read from the current folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubeque.clusters.home_folder import make_home
from kubeque.model.config.config import Config, trust_file
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


def test_a_trusted_file_is_read_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a file in a folder to which others can write
    place, data = tmp_path / "repo", tmp_path / "data"
    place.mkdir()
    place.chmod(0o777)
    (place / ".kubeque").write_text("consumers = 3\n")
    environ = {"KUBEQUE_HOME": str(data)}

    def read() -> Config:
        return Config.load(start=place, home=tmp_path, environ=environ)

    with pytest.raises(ConfigError, match=f"kubeque trust {place}"):
        read()

    # When it is trusted, then it is read, and no other file is
    path, _ = trust_file(place, environ)
    assert path == place / ".kubeque"
    assert read().consumers == 3
    other = tmp_path / "other"
    place.rename(other)
    with pytest.raises(ConfigError):
        Config.load(start=other, home=tmp_path, environ=environ)
    other.rename(place)

    # And a change, or a list that others can change, ends the trust
    (place / ".kubeque").write_text("consumers = 4\n")
    with pytest.raises(ConfigError, match="other users may write"):
        read()
    trust_file(place, environ)
    assert read().consumers == 4
    assert (data / "trusted.json").stat().st_mode & 0o777 == 0o600
    data.chmod(0o777)
    with pytest.raises(ConfigError, match="other users may write"):
        read()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}'])
def test_a_damaged_list_of_trusted_files_trusts_nothing(tmp_path: Path, text: str) -> None:
    tmp_path.joinpath("trusted.json").write_text(text)
    tmp_path.joinpath(".kubeque").write_text("consumers = 3\n")
    tmp_path.joinpath(".kubeque").chmod(0o666)
    with pytest.raises(ConfigError, match="other users may write"):
        Config.load(start=tmp_path, home=tmp_path / "user", environ={"KUBEQUE_HOME": str(tmp_path)})


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_home_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(mode)
    with pytest.raises(ConfigError, match=r"is not used, because other users may write to .*0700"):
        make_home(home)
    home.chmod(0o750)
    make_home(home)
