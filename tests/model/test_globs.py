from __future__ import annotations

import pytest

from kubeque.model.globs import selection, translate


@pytest.mark.parametrize(
    ("glob", "matches", "misses"),
    [
        ("*.png", ["a.png", ".png", "a b.png", "a\nb.png", "ü.png"], ["d/a.png", "a.png.txt", "a.PNG"]),
        ("**/*.png", ["a.png", "d/a.png", "d/e/a.png"], ["a.txt", "d/a.png/x"]),
        ("out/**", ["out/a", "out/d/a"], ["out", "outer/a", "d/out/a"]),
        ("out/", ["out/a", "out/d/a"], ["out", "outer/a"]),
        ("./out/*", ["out/a"], ["out/d/a"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/xb", "b"]),
        ("**", ["a", "a/b"], []),
        ("a**b", ["ab", "a/x/b"], ["a"]),
        ("run-?.log", ["run-1.log"], ["run-.log", "run-12.log", "run-/.log"]),
        ("run-[0-9].log", ["run-1.log"], ["run-a.log"]),
        ("run-[!0-9].log", ["run-a.log"], ["run-1.log", "run-/.log"]),
        ("[]^].txt", ["].txt", "^.txt"], ["a.txt"]),
        ("a[.txt", ["a[.txt"], ["a.txt"]),
        ("a+(b).txt", ["a+(b).txt"], ["aa(b).txt"]),
        ("[[:x]", [":", "[", "x"], ["y"]),
        ("[\\w]", ["\\", "w"], ["a"]),
    ],
)
def test_a_glob_matches_relative_names(glob, matches, misses):
    pattern = translate([glob])

    assert [name for name in [*matches, *misses] if pattern.fullmatch(name)] == matches


def test_results_are_kept_unless_they_are_ignored():
    keep = selection(("*.png", "out/**"), ("**/*.tmp", "out/cache/"))

    kept = [name for name in ("a.png", "a.txt", "out/b", "out/b.tmp", "out/cache/c") if keep(name)]
    assert kept == ["a.png", "out/b"]


def test_without_globs_everything_is_kept():
    assert selection((), ())("any/thing")
    assert not selection((), ("any/*",))("any/thing")
