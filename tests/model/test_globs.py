from __future__ import annotations

import pytest

from kubeque.model.errors import UserError
from kubeque.model.globs import check_globs, selection, translate


@pytest.mark.parametrize(
    ("glob", "matches", "misses"),
    [
        ("*.png", ["a.png", ".png", "a b.png", "a\nb.png", "ü.png"], ["d/a.png", "a.png.txt", "a.PNG"]),
        ("**/*.png", ["a.png", "d/a.png", "d/e/a.png"], ["a.txt", "d/a.png/x"]),
        ("out/**", ["out/a", "out/d/a"], ["out", "outer/a", "d/out/a"]),
        ("out/", ["out/a", "out/d/a"], ["out", "outer/a"]),
        ("./out/*", ["out/a"], ["out/d/a"]),
        ("out", ["out", "out/a", "out/d/a"], ["outer/a", "d/out", "d/out/a"]),
        ("./a/out", ["a/out", "a/out/b"], ["a/outer", "out/b"]),
        ("a/*", ["a/b"], ["a/b/c"]),
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


@pytest.mark.parametrize(
    "glob",
    ["", "/", ".", "./", "..", "/tmp/*", "~/out/*", "../*.csv", "out/../*", "out/./a", "out//a", "./../a", "out//"],
)
def test_a_glob_that_cannot_match_a_result_is_refused(glob):
    with pytest.raises(UserError, match="relative to the working directory"):
        check_globs(["*.csv", glob], "results")


@pytest.mark.parametrize(
    ("glob", "remedy"),
    [
        ("[a", "write ] after the characters, or [[] for the character ["),
        ("out/*[0-9", "write ] after the characters"),
        ("[]", "write ] after the characters"),
        ("a, b", "write 'a' and 'b' as separate patterns, or [,] for a comma in a name"),
        ("*.csv, *.png,out", "write '*.csv' and '*.png' and 'out' as separate patterns"),
        ("*.{png,csv}", "write one pattern per alternative, * for a value of the row, or [{] for a brace"),
        ("{name}.csv", "* for a value of the row"),
    ],
)
def test_a_glob_with_a_likely_mistake_is_refused_with_the_right_form(glob: str, remedy: str) -> None:
    with pytest.raises(UserError) as caught:
        check_globs(["*.csv", glob], "results")
    assert f"results {glob!r}" in str(caught.value)
    assert remedy in str(caught.value)


def test_a_glob_of_a_name_with_such_characters_is_valid() -> None:
    names = {"[[]a": "[a", "a[,] b": "a, b", "[{]x}": "{x}", "x=*,y=*.csv": "x=1,y=2.csv", "a]": "a]", "[[{]": "{"}
    check_globs(list(names), "results")
    for glob, name in names.items():
        assert translate([glob]).fullmatch(name), glob


def test_globs_of_relative_names_are_valid():
    check_globs(["*", "**", "./*.png", "out", "out/", "~backup", "..a/b", "a[/b]"], "results")
