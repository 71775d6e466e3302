"""The author's words are parsed before Jinja runs. Text from Jinja is never parsed again."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import Environment, StrictUndefined

from kubeque.model.command.command import Placeholder, Word
from kubeque.model.errors import CommandError
from kubeque_provider.templating import format_word, read_word, render_push, render_rows

ENV = Environment()
HOSTILE = [
    "{zoom}",
    "^/etc/passwd",
    "@list",
    "\\{",
    "}",
    "{{ 1 }}",
    "{%",
    "$(id)",
    "a b;'\"",
    "\n",
    "",
    "\U000f1a0e0\U000f1a0f",
]


def read(text: str, **variables: Any) -> Word:
    return read_word(text, ENV, lambda template: ENV.from_string(template).render(**variables))


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("a", "b"), ("-", "\n")])
def test_what_jinja_inserts_is_data(value: str, before: str, after: str) -> None:
    word = read(before + "{{ v }}" + after, v=value)
    assert not word.upload
    assert word.columns == ()
    assert word.render({}) == before + value + after


@pytest.mark.parametrize("value", HOSTILE)
def test_columns_beside_it_are_still_columns(value: str) -> None:
    word = read("{x}{{ v }}{y}", v=value)
    assert word.columns == ("x", "y")
    assert word.render({"x": "1", "y": "2"}) == f"1{value}2"


def test_only_the_author_brings_files_along() -> None:
    assert read("^{{ v }}", v="run.py") == Word(("run.py",), True)
    assert read("{{ v }}", v="^run.py") == Word(("^run.py",), False)
    assert read("^{{ v }}", v="^run.py") == Word(("^run.py",), True)


def test_literal_braces_stand_beside_jinja() -> None:
    assert read("\\{{{ v }}\\}", v="q").render({}) == "{q}"
    assert read("\\{\\{ {x} \\}\\}").parts == ("{{ ", Placeholder("x"), " }}")


def test_conditions_may_hold_columns() -> None:
    text = "{% if deep %}{x}{% else %}-{y}{% endif %}"
    assert read(text, deep=True).parts == (Placeholder("x"),)
    assert read(text, deep=False).parts == ("-", Placeholder("y"))


def test_a_loop_may_repeat_a_column() -> None:
    assert read("{% for n in ns %}{{ n }}{x}{% endfor %}", ns=[1, 2]).parts == (
        "1",
        Placeholder("x"),
        "2",
        Placeholder("x"),
    )


@pytest.mark.parametrize("text", ["{x", "x}", "{}", "{x {{ v }}", "}{{ v }}", "{{ v }}{", "{{ v", "{% if %}", "{# x"])
def test_a_stray_brace_is_an_error_that_names_the_word_and_the_remedy(text: str) -> None:
    with pytest.raises(CommandError) as error:
        read(text, v=1)
    assert repr(text) in str(error.value)
    assert "\\{" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ ds }}", r"this DAG run has no 'ds', .* without a logical date: .* \{\{ run_id"),
        ("{{ nothing }}", r"'nothing' is undefined\): write \{column\}"),
    ],
)
def test_a_variable_that_the_dag_run_does_not_have_is_told_from_an_unknown_one(text: str, message: str) -> None:
    strict = Environment(undefined=StrictUndefined)
    with pytest.raises(CommandError, match=message):
        read_word(text, strict, lambda template: strict.from_string(template).render())


def test_a_file_name_that_is_empty_once_rendered_is_an_error() -> None:
    with pytest.raises(CommandError, match="is empty after rendering"):
        read("^{{ v }}", v="")


@pytest.mark.parametrize("text", ["a", "{x}", "^run.py", "^{x}.txt"])
def test_a_word_is_shown_as_it_was_written(text: str) -> None:
    assert format_word(read(text)) == text


@pytest.mark.parametrize(("text", "pushed"), [("{{ v }}", "./@list"), ("@{{ v }}", "@@list"), ("a/{{ v }}", "a/@list")])
def test_jinja_makes_no_list_of_a_pushed_file(text: str, pushed: str) -> None:
    assert render_push(text, lambda template: ENV.from_string(template).render(v="@list")) == pushed


def test_of_inline_rows_only_cells_with_jinja_are_rendered() -> None:
    seen = []

    def render(text: str) -> str:
        seen.append(text)
        return "done"

    rows = [{"a": "{{ ds }}", "b": "plain", "c": 7}, {"a": "{% x %}", "b": "{a}", "c": None}]
    assert render_rows(rows, render, render, templates=False) == rows
    assert render_rows(rows, render, render, templates=True) == [
        {"a": "done", "b": "plain", "c": 7},
        {"a": "done", "b": "{a}", "c": None},
    ]
    assert seen == ["{{ ds }}", "{% x %}"]
