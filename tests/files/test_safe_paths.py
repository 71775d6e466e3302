"""Names from other users never lead out of their folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.files.safe_paths import inside, safe_name
from kubeque.model.errors import StorageError

HOSTILE = [
    "", ".", "..", "/", "/etc/passwd", "../x", "a/../x", "a/..", "../../../../etc/passwd", "a//b", "a/", "./a", "a/./b",
    "a\0b", "..\\x", "a\\..\\..\\x", "\\\\host\\share", "C:x", "C:\\x", "c:/x",
]  # fmt: skip
HARMLESS = ["a", "a/b/c.txt", "...", "..a", "a..", " ", "-rf", "~", "$(id)", "a b", "line\nbreak", "é", "ab:c", "*"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_and_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="not safe") as refused:
        inside(tmp_path, name)
    assert repr(name) in str(refused.value)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_name_is_left_as_it_is(name: str, tmp_path: Path) -> None:
    assert safe_name(name) == PurePosixPath(name)
    assert inside(tmp_path, name) == tmp_path / name


def test_a_long_hostile_name_is_cut_in_the_message() -> None:
    with pytest.raises(StorageError) as refused:
        safe_name("../" * 10_000)
    assert len(str(refused.value)) < 500


@given(st.text(max_size=20) | st.lists(st.sampled_from(["..", ".", "", "a", "\\", "C:"])).map("/".join))
def test_whatever_is_accepted_lies_below(name: str) -> None:
    folder = Path("/some/folder")
    try:
        path = folder / safe_name(name)
    except StorageError:
        return
    assert path.is_relative_to(folder)
    assert path != folder
    assert ".." not in path.parts


@pytest.mark.parametrize("name", ["link", "link/x", "sub/link/x"])
@pytest.mark.parametrize("target", ["..", "/etc", "/nowhere/at/all"])
def test_a_link_that_leads_out_is_refused(tmp_path: Path, name: str, target: str) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for link in (folder / "link", folder / "sub" / "link"):
        link.symlink_to("../.." if target == ".." and link.parent != folder else target)
    with pytest.raises(StorageError, match="symbolic link"):
        inside(folder, name)


def test_a_link_to_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to(tmp_path / "outside")
    with pytest.raises(StorageError, match="symbolic link"):
        inside(folder, "one/x")


def test_a_folder_beside_with_a_longer_name_is_outside(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder2").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "folder2")
    with pytest.raises(StorageError, match="symbolic link"):
        inside(tmp_path / "folder", "link/x")


def test_links_within_and_a_folder_that_is_a_link_itself_are_fine(tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "sub").mkdir(parents=True)
    (real / "link").symlink_to("sub")
    (tmp_path / "folder").symlink_to(real)
    assert inside(tmp_path / "folder", "link/x") == tmp_path / "folder" / "link" / "x"


def test_a_link_that_leads_to_itself_is_not_followed_for_ever(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert inside(tmp_path, "loop/x") == tmp_path / "loop" / "x"
    with pytest.raises(OSError, match="symbolic links"):
        open(tmp_path / "loop" / "x", "wb")  # noqa: SIM115
