"""A `^path` word in the text of a shell command uploads its file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kubeque.model.command.command import Word, format_word, parse_word
from kubeque.model.command.shell_uploads import quoted_uploads, shell_words, split_uploads
from kubeque.model.errors import CommandError
from kubeque.model.job.argv import task_argv
from kubeque.model.job.shapes import Shape
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.rows import RowsSpec


def _uploads(text: str) -> list[str]:
    return [format_word(word) for word in split_uploads([parse_word(text)]) if word.upload]


@pytest.mark.parametrize(
    ("text", "uploads"),
    [
        ("python3 ^s.py {i} | tee o.txt", ["^s.py"]),
        ("cat ^{f} | wc -c", ["^{f}"]),
        ("^run.sh {i} > o", ["^run.sh"]),
        ("cat ^data/{f}.csv;wc <^{f}&& (cat ^a)|x", ["^data/{f}.csv", "^{f}", "^a"]),
        ('echo "$(cat ^a)" `cat ^b`', ["^a", "^b"]),
        ("cat \\\n^a\nwc ^b", ["^a", "^b"]),
        ("grep '^a' \"^b\" # ^c", []),
        ("echo $((2 ^ {n})) x^y {n}^z a\\ ^b ^ c", []),
        ("cat <<E\n^a\nE", []),
    ],
)
def test_unquoted_words_upload(text: str, uploads: list[str]) -> None:
    """An unquoted `^` word is an upload; text in quotes, comments, arithmetic and here-documents is not."""
    assert _uploads(text) == uploads


@pytest.mark.parametrize("text", ["grep ^a.*b f", "cat ^'my file'", 'cat ^"{f}"', "cat ^my\\ file", "cat ^$x"])
def test_a_word_that_is_no_plain_path_is_refused(text: str) -> None:
    """The message names the word, and the forms that work."""
    with pytest.raises(CommandError, match=r"\^.* is not a plain path: .*-u FILE.*single quotes"):
        _uploads(text)


def test_separate_words_keep_their_paths() -> None:
    """A `^` word of its own may have blanks, and words without `^` are not changed."""
    words = [parse_word("cat"), parse_word("^my file"), parse_word("| wc")]
    assert split_uploads(words) == tuple(words)
    assert split_uploads([parse_word("echo {i}")]) == (parse_word("echo {i}"),)


def test_names_of_files_are_data(tmp_path: Path) -> None:
    """A file whose name has blanks, quotes and code is one word of the script."""
    name = "a b'\"$(touch ran).txt"
    (tmp_path / name).write_text("hello")
    words = split_uploads([parse_word("cat ^{f} | tr a-z A-Z;echo {i}")])
    spec = JobSpec(command=words, rows=RowsSpec(("f", "i"), 1, "table", ""), shell=True, shapes=(Shape(None, None),))
    argv = task_argv(spec, {"f": f"in/{name}", "i": "1 2", "index": "0"}, {f"in/{name}": name})
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "HELLO1 2\n"
    assert not (tmp_path / "ran").exists()


def test_words_of_a_shell() -> None:
    """Operators end a word, quotes are removed, and placeholders stay."""
    assert list(map(format_word, shell_words(parse_word("cat '{f}'|wc \"a b\"")))) == ["cat", "{f}", "|", "wc", "a b"]
    assert shell_words(parse_word("it's")) == []
    quoted = quoted_uploads([parse_word("cat '^s.py' \"^{f}\" ^ x^y")])
    assert list(quoted) == [Word(("s.py",), upload=True), parse_word("^{f}")]
