"""Small files are uploaded together, and large files alone. All of them arrive, and errors name the file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kubeque.files.batches import SMALL_BYTES, Copy, in_groups
from kubeque.model.errors import FileDamaged, FileMissing, FileRefused, StorageError
from tests.files.kinds import Place

NAMES = ("a", "with space", "ü[1]*?", "deep/er", "empty", "same")


def copies(place: Place, folder: Path) -> list[Copy]:
    """A file here for each name, and where it goes."""
    folder.mkdir(exist_ok=True)
    made = []
    for number, name in enumerate(NAMES):
        data = b"" if name == "empty" else name.encode() * 100
        (folder / str(number)).write_bytes(data)
        made.append(Copy(str(folder / str(number)), place.at(name), len(data), hashlib.sha256(data).hexdigest()))
    return made


def test_groups_keep_the_order_and_large_files_go_alone() -> None:
    sizes = [10] * 100 + [SMALL_BYTES * 9, 10, SMALL_BYTES, SMALL_BYTES, 1]
    groups = list(in_groups(sizes, lambda size: size))
    assert [size for group in groups for size in group] == sizes
    assert [len(group) for group in groups] == [64, 36, 1, 2, 2]
    assert list(in_groups([], lambda size: size)) == []


def test_files_go_up_and_come_back_together(place: Place, tmp_path: Path) -> None:
    sent, moved = copies(place, tmp_path / "here"), [0, 0]

    def count(way: int, size: int) -> None:
        moved[way] += size

    place.files.upload_many(sent, progress=lambda size: count(0, size))
    back = [item._replace(path=str(tmp_path / "back" / str(number))) for number, item in enumerate(sent)]
    assert place.files.download_many(back, progress=lambda size: count(1, size)) == [None] * len(sent)
    assert [Path(item.path).read_bytes() for item in back] == [Path(item.path).read_bytes() for item in sent]
    assert moved == [sum(item.size for item in sent)] * 2


def test_of_files_that_come_together_the_missing_and_the_damaged_are_told(place: Place, tmp_path: Path) -> None:
    sent = copies(place, tmp_path / "here")
    place.files.upload_many(sent)
    place.files.write(sent[1].url, b"x" * sent[1].size)
    place.files.write(sent[2].url, b"longer" * 1000)
    place.files.delete(sent[3].url)
    back = [item._replace(path=str(tmp_path / "back" / str(number))) for number, item in enumerate(sent)]
    errors = place.files.download_many(back)
    assert [type(error) for error in errors] == [
        type(None),
        FileDamaged,
        FileDamaged,
        FileMissing,
        type(None),
        type(None),
    ]
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == ["0", "4", "5"]


def test_of_files_that_go_together_one_that_changed_is_named(place: Place, tmp_path: Path) -> None:
    sent = copies(place, tmp_path / "here")
    Path(sent[0].path).write_bytes(b"another text")
    Path(sent[3].path).unlink()

    errors = place.files.upload_many(sent)

    assert [type(error) for error in errors] == [FileRefused, *[type(None)] * 2, FileMissing, *[type(None)] * 2]
    assert "here/0 changed while it was uploaded" in str(errors[0])
    assert place.files.existing(place.url, NAMES) == set(NAMES) - {NAMES[0], NAMES[3]}


def test_what_a_store_refuses_is_named(place: Place, tmp_path: Path) -> None:
    sent = [item._replace(url=f"{place.unwritable}/{item.url[-1]}") for item in copies(place, tmp_path / "here")]
    try:
        errors = list(map(str, place.files.upload_many(sent)))
    except StorageError as error:  # a missing bucket is an error of all files
        errors = [str(error)]
    assert all(error.startswith("cannot write") for error in errors)


def test_a_name_that_a_store_refuses_costs_one_file(place: Place, tmp_path: Path) -> None:
    sent = copies(place, tmp_path / "here")
    sent[2] = sent[2]._replace(url=place.at("n" * 5000))

    errors = place.files.upload_many(sent)

    refused = not place.url.startswith("memory:")  # it has no limit
    assert [number for number, error in enumerate(errors) if error] == [2] * refused
    assert isinstance(errors[2], FileRefused) is refused
    assert place.files.existing(place.url, NAMES) == set(NAMES) - {NAMES[2]}
