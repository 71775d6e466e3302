"""Words of a command: placeholders, literal braces and files to upload."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.command.command import Placeholder, Word, check_columns, parse_word
from kubeque.model.errors import CommandError

names = st.text(min_size=1, max_size=5).filter(lambda name: not set(name) & {"{", "}", "\\"})


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("", ""),
        ("--zoom={zoom}", "--zoom=0.5"),
        ("{x}{zoom}-{x}", "3 40.5-3 4"),
        ("{index}", "7"),
        (r"\{zoom\}", "{zoom}"),
        ("{{zoom}}", "{zoom}"),
        ("{{{zoom}}}", "{0.5}"),
        (r"\{{zoom}\}", "{0.5}"),
        ('{{"a": {zoom}}}', '{"a": 0.5}'),
        (r"a\b\\c$(x)", r"a\b\\c$(x)"),
        ("a^b", "a^b"),
    ],
)
def test_a_word_takes_the_values_of_the_row(text: str, rendered: str) -> None:
    assert parse_word(text).render({"zoom": "0.5", "x": "3 4", "index": "7"}) == rendered


def test_a_value_is_never_read_again() -> None:
    row = {"a": "{b}", "b": "^c", "c": "}{"}

    assert parse_word("{a}{b}{c}").render(row) == "{b}^c}{"


def test_a_word_knows_its_columns_and_what_stands_before_them() -> None:
    word = parse_word("^data/{region}/{year}.csv")

    assert word.upload
    assert word.columns == ("region", "year")
    assert word.prefix == "data/"
    assert parse_word("{region}/x").prefix == ""
    assert parse_word("").prefix == ""


def test_a_caret_in_front_brings_the_file_along() -> None:
    assert parse_word("^run.py") == Word(("run.py",), upload=True)
    assert parse_word("^{file}") == Word((Placeholder("file"),), upload=True)
    assert not parse_word("run.py").upload


def test_double_braces_can_be_left_to_jinja() -> None:
    with pytest.raises(CommandError, match=re.escape(r"{{zoom}}, and this is not a column: write \{{zoom}} for")):
        parse_word("{{zoom}}", braces_double=False)

    assert parse_word(r"\{{zoom}\}", braces_double=False).render({"zoom": "1"}) == "{1}"


@pytest.mark.parametrize("text", ["{", "}", "a{zoom", "zoom}", "{a{b}", "{{zoom}", "{zoom}}", "^{", r"{zoom\}}"])
def test_an_unbalanced_brace_is_told_with_its_word_and_the_way_out(text: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_word(text)

    assert str(caught.value).startswith(f"the word {text!r} has an unbalanced brace")
    assert r"\{ or \}" in str(caught.value)


def test_a_caret_alone_names_no_file() -> None:
    with pytest.raises(CommandError, match=re.escape("the word '^' names no file: write ^ and a path")):
        parse_word("^")


def test_an_unknown_column_is_told_with_the_columns_there_are() -> None:
    words = [parse_word("{zoom}"), parse_word("{index}"), parse_word("{zom}")]
    check_columns(words[:2], ["x", "zoom"])

    with pytest.raises(CommandError, match=r"unknown column \{zom\} in the command: the columns are x, zoom"):
        check_columns(words, ["x", "zoom"])
    with pytest.raises(
        CommandError, match=r"{zoom\} in the command: the sweep has no parameters, so its only column is \{index\}"
    ):
        check_columns(words[:1], [])


@given(st.text(), st.booleans())
def test_any_text_can_be_written_with_its_braces_escaped(text: str, braces_double: bool) -> None:
    # A backslash before a brace is the escape itself, so no text with one there can be meant literally.
    text = re.sub(r"\\+([{}])", r"\1", text).lstrip("^")

    word = parse_word(re.sub(r"([{}])", r"\\\1", text), braces_double=braces_double)

    assert word.render({}) == text
    assert word.columns == ()


@given(
    st.lists(st.builds(Placeholder, names) | st.text(st.characters(exclude_characters="{}\\^"), min_size=1), max_size=6)
)
def test_what_is_written_is_what_is_read(parts: list[str | Placeholder]) -> None:
    text = "".join(f"{{{part.name}}}" if isinstance(part, Placeholder) else part for part in parts)
    row = {part.name: f"<{part.name}>" for part in parts if isinstance(part, Placeholder)}

    word = parse_word(text)

    assert word.columns == tuple(part.name for part in parts if isinstance(part, Placeholder))
    assert word.render(row) == "".join(row[part.name] if isinstance(part, Placeholder) else part for part in parts)


@given(st.builds(Word, st.lists(st.text() | st.builds(Placeholder, st.text())).map(tuple), st.booleans()))
def test_a_word_survives_the_wire(word: Word) -> None:
    assert Word.from_wire(json.loads(json.dumps(word.to_wire()))) == word


@pytest.mark.parametrize(
    "text",
    ["seq {n} | awk '{print $1*2}'", "awk '{ if ($1) { print } }' {n}", "find . -exec cat {} +", "x {n} {a; b {n}}"],
)
def test_code_in_balanced_braces_is_no_column_and_the_advice_works(text: str) -> None:
    while True:  # apply the advice until the command is accepted
        try:
            word = parse_word(text)
            check_columns([word], ["n"])
            break
        except CommandError as error:
            told = str(error)
        assert "not a column" in told
        assert "unbalanced" not in told
        fixed = told.partition("write ")[2].partition(" for a literal brace")[0]
        group = fixed.replace("\\{", "{")
        assert group in text
        text = text.replace(group, fixed)
    assert "\\" not in word.render({"n": "7"})


def test_a_closing_brace_ends_a_literal_brace() -> None:
    assert parse_word("\\{print {n}}").parts == ("{print ", Placeholder("n"), "}")
    assert parse_word("\\{a \\{b}}").parts == ("{a {b}}",)
    assert parse_word("\\{a\\} {{b}}").parts == ("{a} {b}",)
