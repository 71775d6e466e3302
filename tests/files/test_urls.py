"""URLs are joined and split."""

from __future__ import annotations

import pytest

from kubeque.files.urls import base_name, is_folder, join, local_path, scheme, split


@pytest.mark.parametrize(
    ("url", "names", "joined"),
    [
        ("gs://b/p", ("a", "b.txt"), "gs://b/p/a/b.txt"),
        ("gs://b/p/", ("a",), "gs://b/p/a"),
        ("gs://b", ("a/b",), "gs://b/a/b"),
        ("/data", ("a",), "/data/a"),
        ("/", ("a",), "/a"),
        ("file:///", ("a",), "file:///a"),
        ("memory://", ("a", "b"), "memory://a/b"),
        ("results", ("a",), "results/a"),
        ("gs://b/p/", (), "gs://b/p/"),
        ("/data", ("/etc/passwd",), "/data/etc/passwd"),
    ],
)
def test_names_are_joined_with_one_slash(url: str, names: tuple[str, ...], joined: str) -> None:
    assert join(url, *names) == joined


def test_only_plain_paths_and_file_urls_are_folders() -> None:
    assert [is_folder(url) for url in ("/data", "data", "a:b", "file:///data")] == [True] * 4
    assert [is_folder(url) for url in ("gs://b/x", "memory://x", "simplecache::gs://b/x")] == [False] * 3
    assert (local_path("file:///data/x"), local_path("data/x")) == ("/data/x", "data/x")


def test_scheme_and_bucket_are_told_from_the_rest() -> None:
    assert [scheme(url) for url in ("gs://b/x", "/data", "file:///data")] == ["gs", "", "file"]
    assert split("gs://b/x/y/") == ("gs://b", "x/y")
    assert split("s3://b") == ("s3://b", "")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("run.py", "run.py"), ("../data/eu.csv", "eu.csv"), ("data/", "data"), ("gs://b/p/x#1?.csv", "x#1?.csv"),
        ("https://host/p/x.csv?sig=a/b#top", "x.csv"), ("https://host", ""), ("..", ".."),
    ],
)  # fmt: skip
def test_an_input_is_called_by_its_last_name(path: str, name: str) -> None:
    assert base_name(path) == name
