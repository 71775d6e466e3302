"""`^` words and pushes are resolved to inputs."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from kubeque.files.inputs.digest_cache import DigestCache
from kubeque.files.inputs.inputs import Staging, find_inputs, push
from kubeque.files.store import Files
from kubeque.files.transfer_progress import Transfer
from kubeque.model.command.command import parse_word
from kubeque.model.errors import CommandError
from tests.files.kinds import Place

CAS = "memory://cas/files"
Find = Callable[..., Staging]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(path: Path, data: str = "", *, executable: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data)
    if executable:
        path.chmod(0o755)
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The folder of the sweep's author."""
    base = tmp_path / "author"
    write(base / "run.py", "print()")
    write(base / "tool.sh", "#!/bin/sh", executable=True)
    write(base / "data/eu.csv", "eu")
    write(base / "data/us.csv", "us")
    write(tmp_path / "outside.txt", "outside")
    return base


@pytest.fixture
def find(base: Path, tmp_path: Path) -> Find:
    """Return the inputs of a command that is given as one line."""

    def find(
        command: str = "",
        pushes: Sequence[str] = (),
        rows: Iterable[Mapping[str, str]] = (),
        files: Files | None = None,
    ) -> Staging:
        words = [parse_word(text) for text in command.split()]
        digests = DigestCache(tmp_path / "digests.db")
        return find_inputs(
            words, pushes, rows, base=base, cas_prefix=CAS, digests=digests, files=files or Files()
        )  # fmt: skip

    return find


def named(staging: Staging) -> dict[str, str]:
    """Return the names and contents of the inputs that all rows get."""
    texts = {upload.digest: upload.path.read_text() for upload in staging.uploads}
    return {item.name: texts[item.digest] for item in staging.inputs}


# What is found


def test_a_word_with_a_caret_is_brought_under_its_base_name(find: Find) -> None:
    staging = find("python3 ^run.py ^data/eu.csv plain")
    assert named(staging) == {"run.py": "print()", "eu.csv": "eu"}
    run = staging.inputs[0]
    assert (run.digest, run.size) == (sha256(b"print()"), 7)
    assert run.url == f"{CAS}/{run.digest}"
    assert staging.row_inputs == {}


def test_the_executable_bit_is_kept_and_the_first_word_gets_it(find: Find) -> None:
    assert [item.executable for item in find("sh ^tool.sh ^run.py").inputs] == [True, False]
    assert [item.executable for item in find("^run.py ^tool.sh").inputs] == [True, True]


def test_absolute_paths_parents_and_file_urls_are_the_authors_right(find: Find, base: Path) -> None:
    staging = find(f"cat ^../outside.txt ^{base}/run.py ^file://{base}/data/eu.csv")
    assert list(named(staging)) == ["outside.txt", "run.py", "eu.csv"]


def test_a_link_that_the_author_names_is_followed(find: Find, base: Path) -> None:
    (base / "link.txt").symlink_to("../outside.txt")
    assert named(find("cat ^link.txt")) == {"link.txt": "outside"}


def test_one_file_named_twice_is_one_input_and_one_upload(find: Find, base: Path) -> None:
    write(base / "copy/eu.csv", "eu")
    staging = find("cat ^data/eu.csv ^data/eu.csv ^copy/eu.csv", ["data/eu.csv:other.csv"])
    assert [item.name for item in staging.inputs] == ["eu.csv", "other.csv"]
    assert [upload.digest for upload in staging.uploads] == [sha256(b"eu")]


def test_rows_are_not_looked_at_without_need(find: Find) -> None:
    def fail(row: Mapping[str, str]) -> Mapping[str, str]:
        raise AssertionError("the rows were read")

    assert len(find("cat ^run.py {region}", rows=map(fail, [{}])).inputs) == 1


def test_a_word_with_columns_brings_each_distinct_file_once(find: Find) -> None:
    rows = [{"region": region} for region in ("eu", "us", "eu", "eu")]
    staging = find("cat ^data/{region}.csv", rows=rows)
    assert staging.inputs == ()
    assert {text: item.name for text, item in staging.row_inputs.items()} == {
        "data/eu.csv": "eu.csv",
        "data/us.csv": "us.csv",
    }
    assert sorted(upload.path.name for upload in staging.uploads) == ["eu.csv", "us.csv"]


def test_rows_may_choose_subfolders_and_each_row_may_use_the_same_name(find: Find, base: Path) -> None:
    for region in ("eu", "us"):
        write(base / f"in/{region}/input.csv", region)
    staging = find("cat ^in/{region}/input.csv", rows=[{"region": "eu"}, {"region": "us"}])
    assert {item.name for item in staging.row_inputs.values()} == {"input.csv"}
    assert len(staging.uploads) == 2


def test_the_number_of_the_row_is_a_column(find: Find, base: Path) -> None:
    for number in range(2):
        write(base / f"part-{number}.txt", str(number))
    staging = find("cat ^part-{index}.txt", rows=[{"a": "x"}, {"a": "y"}])
    assert list(staging.row_inputs) == ["part-0.txt", "part-1.txt"]


# Pushes


@pytest.mark.parametrize(
    ("push_text", "names"),
    [
        ("run.py", ["run.py"]),
        ("run.py:main.py", ["main.py"]),
        ("run.py:lib/main.py", ["lib/main.py"]),
        ("run.py:lib/", ["lib/run.py"]),
        ("run.py:./main.py", ["main.py"]),
        ("data", ["data/eu.csv", "data/us.csv"]),
        ("data/", ["data/eu.csv", "data/us.csv"]),
        ("data:tables", ["tables/eu.csv", "tables/us.csv"]),
        ("data:.", ["eu.csv", "us.csv"]),
        ("../author/data:d", ["d/eu.csv", "d/us.csv"]),
    ],
)
def test_a_push_is_a_file_or_a_folder_and_where_it_goes(find: Find, push_text: str, names: list[str]) -> None:
    assert [item.name for item in find(pushes=[push_text]).inputs] == names


def test_a_file_whose_name_has_a_colon_is_itself(find: Find, base: Path) -> None:
    write(base / "a:b", "colon")
    assert named(find(pushes=["a:b:x"])) == {"x": "colon"}
    with pytest.raises(CommandError):
        find(pushes=["a:b"])  # as a name in the working directory it would begin like a drive letter
    write(base / "run:1", "colon")
    assert named(find(pushes=["run:1"])) == {"run:1": "colon"}


def test_a_push_may_be_a_url_of_a_file_of_this_machine(find: Find, base: Path) -> None:
    assert list(named(find(pushes=[f"file://{base}/run.py"]))) == ["run.py"]
    assert list(named(find(pushes=[f"file://{base}/run.py:x"]))) == ["x"]
    with pytest.raises(CommandError, match="cannot read '/gone': there is no such file"):
        find(pushes=["file:///gone"])


def test_a_list_has_one_push_a_line(find: Find, base: Path) -> None:
    write(base / "files.list", "run.py\n\ndata/eu.csv:in/x.csv\n")
    assert named(find(pushes=["@files.list"])) == {"run.py": "print()", "in/x.csv": "eu"}


def test_a_mistake_in_a_list_is_told_with_its_line(find: Find, base: Path) -> None:
    write(base / "files.list", "run.py\nnowhere.py\n")
    with pytest.raises(CommandError, match=r"line 2 of .*files\.list.*nowhere\.py"):
        find(pushes=["@files.list"])
    with pytest.raises(CommandError, match=r"nowhere\.list"):
        find(pushes=["@nowhere.list"])


def test_a_caret_word_with_a_slash_brings_the_tree(find: Find, base: Path) -> None:
    write(base / "data/deep/er/x.txt", "x")
    assert list(named(find("cat ^data/"))) == ["data/eu.csv", "data/us.csv", "data/deep/er/x.txt"]


def test_a_tree_keeps_executables_and_leaves_out_links_and_pipes(
    find: Find, base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree = base / "tree"
    write(tree / "bin/tool", executable=True)
    (tree / "out.txt").symlink_to("../../outside.txt")
    (tree / "all").symlink_to("/etc")
    (tree / "dangling").symlink_to("nowhere")
    os.mkfifo(tree / "pipe")
    with caplog.at_level(logging.WARNING):
        staging = find(pushes=["tree"])
    assert [(item.name, item.executable) for item in staging.inputs] == [("tree/bin/tool", True)]
    for name in ("out.txt", "all", "dangling", "pipe"):
        assert f"tree/{name} is left out" in caplog.text


def test_the_same_tree_gives_the_same_inputs_in_the_same_order(find: Find, base: Path) -> None:
    for name in ("z", "a", "m/1", "b/2"):
        write(base / "tree" / name, name)
    assert find(pushes=["tree"]).inputs == find(pushes=["tree"]).inputs
    assert [item.name for item in find(pushes=["tree"]).inputs] == ["tree/a", "tree/z", "tree/b/2", "tree/m/1"]


# What is refused


@pytest.mark.parametrize(
    "word", ["^nowhere.py", "^data", "^data/../nowhere", "^run.py/", "^run.py/x", "^empty/", "^.."]
)
def test_what_is_no_file_is_named_with_the_folder_that_paths_start_at(find: Find, base: Path, word: str) -> None:
    (base / "empty").mkdir()
    with pytest.raises(CommandError) as refused:
        find(f"cat {word}")
    assert word in str(refused.value)
    if word.startswith("^nowhere") or word == "^data":
        assert f"relative paths start at {base}" in str(refused.value)
        assert str(base / word[1:]) in str(refused.value)


def test_a_pipe_is_refused_and_not_waited_for(find: Find, base: Path) -> None:
    os.mkfifo(base / "pipe")
    with pytest.raises(CommandError, match="not a regular file"):
        find("cat ^pipe")


def test_a_file_whose_contents_cannot_be_read_is_an_error_of_the_user(find: Find) -> None:
    with pytest.raises(CommandError, match=r"cannot read /proc/self/mem: .*; give inputs that this user can read"):
        find("cat ^/proc/self/mem")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(find: Find, base: Path) -> None:
    (base / "run.py").chmod(0)
    with pytest.raises(CommandError, match=r"may not read .*run\.py"):
        find("cat ^run.py")


@pytest.mark.parametrize("push_text", ["run.py:", ":x", "run.py:../x", "run.py:/etc/x", "run.py:a//b", "run.py:a\\b"])
def test_a_push_goes_into_the_working_directory_and_nowhere_else(find: Find, push_text: str) -> None:
    with pytest.raises(CommandError) as refused:
        find(pushes=[push_text])
    assert repr(push_text) in str(refused.value)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("^data/{region}.csv", "../../outside"),
        ("^data/{region}", "../run.py"),
        ("^data/{region}", "/etc/passwd"),
        ("^data/{region}", ""),
        ("^data/{region}", "."),
        ("^data/{region}", "eu.csv/"),
        ("^data/{region}", "link/passwd"),
        ("^data/{region}", "out.txt"),
        ("^data/{region}", "a\0b"),
        ("^data/x{region}", "/../eu.csv"),
        ("^{region}", "/etc/passwd"),
        ("^{region}", "../outside.txt"),
        ("^{region}", "gs://bucket/secret"),
        ("^{region}", "file:///etc/passwd"),
        ("^{region}", "~/.ssh/id_rsa"),
        ("^file://{region}", "/etc/passwd"),
        ("^gs{region}", "://bucket/secret"),
        ("^gs://{region}/x", "bucket"),
        ("^gs://buck{region}/x", "et"),
        ("^gs://bucket/a/{region}", "../secret"),
        ("^https://host/a/{region}", "%2e%2e/secret"),
        ("^https://host/a/{region}", "x?token=1"),
    ],
)
def test_a_row_cannot_choose_a_file_outside_the_authors_folder(find: Find, base: Path, word: str, value: str) -> None:
    (base / "data/link").symlink_to("/etc")
    (base / "data/out.txt").symlink_to("../../outside.txt")
    with pytest.raises(CommandError) as refused:
        find(f"cat {word}", rows=[{"n": "1", "region": value}])
    assert "row 0" in str(refused.value)
    assert word in str(refused.value)


def test_the_row_and_the_column_to_blame_are_named(find: Find) -> None:
    rows = [{"kind": "data", "region": "eu"}, {"kind": "data", "region": "../../outside"}]
    with pytest.raises(CommandError, match=r"row 1.*column 'region' \('\.\./\.\./outside'\)") as refused:
        find("cat ^{kind}/{region}.csv", rows=rows)
    assert "'kind'" not in str(refused.value)


def test_a_row_whose_file_is_missing_is_named(find: Find, base: Path) -> None:
    with pytest.raises(CommandError, match=r"row 1.*data/asia\.csv"):
        find("cat ^data/{region}.csv", rows=[{"region": "eu"}, {"region": "asia"}])


def test_what_one_word_may_name_another_with_a_narrower_folder_may_not(find: Find, base: Path) -> None:
    (base / "data/link").symlink_to("..")
    find("cat ^{a}", rows=[{"a": "data/link/run.py", "b": "x"}])
    with pytest.raises(CommandError, match=r"symbolic link"):
        find("cat ^{a} ^data/{b}", rows=[{"a": "data/link/run.py", "b": "link/run.py"}])


def test_a_folder_that_depends_on_the_row_is_refused(find: Find) -> None:
    with pytest.raises(CommandError, match=r"\^data/\{region\}/.*row"):
        find("cat ^data/{region}/", rows=[{"region": "eu"}])


# Names that clash


def test_two_inputs_of_one_name_are_refused_naming_both(find: Find, base: Path) -> None:
    write(base / "other/run.py", "other")
    with pytest.raises(CommandError, match=r"'run\.py'") as refused:
        find("cat ^run.py ^other/run.py")
    assert str(base / "other/run.py") in str(refused.value)
    assert str(base / "run.py") in str(refused.value)
    find("cat ^run.py", ["other/run.py:other.py"])


def test_a_file_and_a_folder_of_one_name_are_refused(find: Find) -> None:
    with pytest.raises(CommandError, match=r"'x'"):
        find(pushes=["run.py:x", "data:x"])
    with pytest.raises(CommandError, match=r"'eu\.csv'"):
        find("cat ^data/{region}.csv", ["run.py:eu.csv/run.py"], rows=[{"region": "eu"}])


def test_a_row_that_would_have_two_files_of_one_name_is_refused(find: Find, base: Path) -> None:
    write(base / "more/eu.csv", "more")
    rows = [{"a": "us", "b": "eu"}, {"a": "eu", "b": "eu"}]
    find("cat ^data/{a}.csv ^more/{b}.csv", rows=rows[:1])
    with pytest.raises(CommandError, match=r"'eu\.csv'.*row 0"):
        find("cat ^data/{a}.csv ^more/{b}.csv", rows=rows)
    with pytest.raises(CommandError, match=r"'eu\.csv'.*row 1"):
        find("cat ^data/{a}.csv ^more/eu.csv", rows=rows)
    write(base / "same/eu.csv", "eu")
    find("cat ^data/{a}.csv ^same/{b}.csv", rows=rows)


# Objects elsewhere


def test_an_object_elsewhere_stays_there_and_its_generation_is_noted(find: Find, place: Place) -> None:
    place.files.write(place.at("data", "x.csv"), b"data")
    if place.url.startswith(("/", "file:")):
        staging = find(f"cat ^{place.url}/data/x.csv")
        assert named(staging) == {"x.csv": "data"}
        return
    staging = find(f"cat ^{place.url}/data/x.csv", [f"{place.url}/data/x.csv:in/y.csv"], files=place.files)
    assert [(item.name, item.url, item.digest, item.size) for item in staging.inputs] == [
        ("x.csv", place.at("data", "x.csv"), "", 4),
        ("in/y.csv", place.at("data", "x.csv"), "", 4),
    ]
    assert {item.generation for item in staging.inputs} == {place.files.look(place.at("data", "x.csv")).generation}
    assert staging.uploads == ()


def test_rows_choose_among_objects_elsewhere(find: Find) -> None:
    files = Files()
    for region in ("eu", "us"):
        files.write(f"memory://inputs/data/{region}.csv", region.encode())
    staging = find("cat ^memory://inputs/data/{region}.csv", rows=[{"region": "eu"}, {"region": "us"}], files=files)
    assert [(text, item.name, item.url) for text, item in staging.row_inputs.items()] == [
        (f"memory://inputs/data/{region}.csv", f"{region}.csv", f"memory://inputs/data/{region}.csv")
        for region in ("eu", "us")
    ]


def test_an_object_that_is_missing_or_a_folder_is_named(find: Find) -> None:
    Files().write("memory://inputs/folder/x", b"")
    for word in ("^memory://inputs/nowhere.csv", "^memory://inputs/folder", "^memory://inputs/folder/"):
        with pytest.raises(CommandError) as refused:
            find(f"cat {word}")
        assert word in str(refused.value)


# Uploads


def test_what_is_missing_is_uploaded_once(find: Find, place: Place, base: Path, tmp_path: Path) -> None:
    words = [parse_word(text) for text in ("cat", "^run.py", "^data/")]
    digests = DigestCache(tmp_path / "digests.db")
    staging = find_inputs(words, [], [], base=base, cas_prefix=place.url, digests=digests, files=place.files)
    said: list[Transfer] = []

    assert push(staging, place.url, place.files, progress=said.append) == 11
    assert said[-1] == Transfer(3, 3, 11, 11)
    assert push(staging, place.url, place.files) == 0
    assert sorted(place.files.listing(place.url)) == sorted((upload.digest, upload.size) for upload in staging.uploads)
    for item in staging.inputs:
        assert sha256(place.files.read(item.url)) == item.digest


def test_a_file_that_changes_between_finding_and_uploading_poisons_nothing(
    find: Find, place: Place, base: Path
) -> None:
    staging = find("cat ^run.py ^data/eu.csv")
    write(base / "run.py", "changed")
    with pytest.raises(CommandError, match=r"run\.py changed"):
        push(staging, place.url, place.files)
    assert place.files.existing(place.url, [sha256(b"print()")]) == set()


def test_a_file_that_is_deleted_before_its_upload_is_an_error_of_the_user(find: Find, place: Place, base: Path) -> None:
    staging = find("cat ^run.py")
    (base / "run.py").unlink()
    with pytest.raises(CommandError, match=r"cannot read .*run\.py: there is no such file"):
        push(staging, place.url, place.files)


def test_nothing_to_upload_asks_nobody(find: Find, place: Place) -> None:
    assert push(find("true"), place.unwritable, place.files) == 0
