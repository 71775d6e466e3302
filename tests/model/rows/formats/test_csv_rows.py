"""Rows of CSV files: valid files, refused files, and the messages."""

from __future__ import annotations

import csv
import gzip
import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.errors import ParametersError
from kubeque.model.rows.formats.csv_rows import read_csv
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import MAX_TASKS, Rows, pages

KIB = 1024


def table(data: str | bytes, name: str = "params.csv", delimiter: str | None = None) -> Rows:
    whole = data.encode() if isinstance(data, str) else data
    return read_csv(lambda: io.BytesIO(whole), name, delimiter)


def notes(rows: Rows) -> tuple[str, ...]:
    return rows.notes  # type: ignore[attr-defined,no-any-return]


def refusal(data: str | bytes, delimiter: str | None = None) -> str:
    with pytest.raises(ParametersError) as caught:
        table(data, delimiter=delimiter)
    assert len(str(caught.value)) < 400
    return str(caught.value)


def test_a_file_gives_columns_and_rows() -> None:
    rows = table("x_scale,y_scale,zoom\n-1.4,0,0.25\n-1.4,0,0.5\n")

    assert rows.columns == ("x_scale", "y_scale", "zoom")
    assert (rows.n, rows.kind) == (2, "table")
    assert list(rows) == [("-1.4", "0", "0.25"), ("-1.4", "0", "0.5")]
    assert list(rows) == list(rows)


@pytest.mark.parametrize(
    "value",
    [
        "007",
        "NA",
        "",
        " a ",
        "1e5",
        "$(rm -rf x)",
        "{zoom}",
        "^file",
        "a;b'c",
        "\\n",
        "é\U0001f600",
        "\x0b\u2028\x85",
        "-c",
    ],
)
def test_what_stands_in_a_cell_stays_as_it_is(value: str) -> None:
    assert list(table(f"a,b\n{value},1\n")) == [(value, "1")]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"\xef\xbb\xbfa,b\n1,2\n", [("1", "2")]),
        (b'\xef\xbb\xbf"a",b\n1,2\n', [("1", "2")]),
        (b"a,b\r\n1,2\r\n3,4\r\n", [("1", "2"), ("3", "4")]),
        (b"a,b\n1,2", [("1", "2")]),
        (b"\n\na,b\n\n1,2\n\r\n3,4\n\n", [("1", "2"), ("3", "4")]),
        (b'a,b\n"1,5",2\n', [("1,5", "2")]),
        (b'a,b\n"x\ny",2\n"x\r\ny","z"\n', [("x\ny", "2"), ("x\r\ny", "z")]),
        (b'a,b\n"say ""hi""",""\n', [('say "hi"', "")]),
        (b'a,b\nx"y,2\n', [('x"y', "2")]),
    ],
)
def test_the_usual_ways_to_write_csv_are_read(data: bytes, rows: list[tuple[str, ...]]) -> None:
    assert table(data).columns == ("a", "b")
    assert list(table(data)) == rows


def test_a_blank_line_is_no_row_but_a_quoted_nothing_is() -> None:
    assert list(table('a\n\n""\n\nx\n')) == [("",), ("x",)]


def test_a_line_of_only_commas_is_no_row_and_is_counted() -> None:
    rows = table('a,b\n1,2\n,\n"",\n,\r\n')
    assert (list(rows), rows.n) == ([("1", "2"), ("", "")], 2)
    assert notes(rows) == ("params.csv: left out 2 empty rows (line 3, 5)",)
    many = table("a;b\n1;2\n" + ";\n" * 5)
    assert notes(many)[-1] == "params.csv: left out 5 empty rows (line 3, 4, 5 and 2 more)"


@pytest.mark.parametrize(
    ("data", "name", "separated"),
    [
        ("a;b\n1,5;x\n", "p.csv", "semicolon"),
        ('"a";"b"\n"1,5";"x"\n', "p.csv", "semicolon"),
        ("\n\na\tb\n1,5\tx\n", "p.txt", "tab"),
        ("a, in m\tb\n1,5\tx\n", "P.TSV", "tab"),
        ("a|b\n1,5|x\n", "p.csv", "vertical bar"),
        ("sep=;\r\na;b\r\n1,5;x\r\n", "p.csv", "semicolon"),
        (b"\xef\xbb\xbfa;b\n1,5;x\n", "p.csv", "semicolon"),
    ],
)
def test_another_delimiter_is_found_in_the_header_and_named(data: str | bytes, name: str, separated: str) -> None:
    rows = table(data, name)

    assert list(rows) == list(rows) == [("1,5", "x")]
    assert notes(rows) == (f"{name}: {separated}s separate the columns",)


@pytest.mark.parametrize("data", ["a,b;c\n1,2\n", '"a;b",c\n1,2\n'])
def test_a_comma_in_the_header_decides(data: str) -> None:
    assert (list(table(data)), notes(table(data))) == ([("1", "2")], ())


def test_one_column_may_have_a_delimiter_in_quotes() -> None:
    assert table('"a;b"\n1\n').columns == ("a;b",)


def test_a_given_delimiter_is_used_without_a_note() -> None:
    for delimiter in (" ", ";", ":"):
        rows = table(f"a{delimiter}b\n1,5{delimiter}x\n", delimiter=delimiter)
        assert (list(rows), notes(rows)) == ([("1,5", "x")], ())
    assert table("a;b,c\n1;2,3\n", delimiter=",").columns == ("a;b", "c")


@pytest.mark.parametrize("hint", ["sep=;", '"sep=;"', "SEP=;\r"])
def test_a_line_of_excel_is_no_header_also_with_a_given_delimiter(hint: str) -> None:
    rows = table(f"{hint}\na;b\n1,5;x\n", delimiter=";")
    assert (rows.columns, list(rows), notes(rows)) == (("a", "b"), [("1,5", "x")], ())
    for delimiter, named in ((",", "comma"), ("\t", "tab"), (":", "':'")):
        assert refusal(f"{hint}\na;b\n1,5;x\n", delimiter=delimiter) == (
            f"params.csv, line 1: {hint.strip()!r} names another delimiter (semicolon) than the given one ({named}):"
            " leave out the given one, or remove this line"
        )


def test_errors_name_the_delimiter() -> None:
    assert "put a value with a semicolon into double quotes" in refusal("a;b\n1;2;3\n")
    assert "line 2, column 2: the quote of" in refusal('a\tb\n1\t"2\n')


def test_the_index_column_of_pandas_is_left_out() -> None:
    rows = table(",a,b\n0,1,x\n17,2,y\n")

    assert (rows.columns, list(rows), list(rows)) == (("a", "b"), [("1", "x"), ("2", "y")], [("1", "x"), ("2", "y")])
    assert notes(rows) == (
        "params.csv: the first column is left out as an index of pandas: it has no name and only whole numbers",
    )
    assert rows.to_spec() == table("a,b\n1,x\n2,y\n").to_spec()
    assert "line 1, column 3: the header is blank" in refusal(",a,\n0,1,2\n")


def test_a_column_of_texts_needs_a_name() -> None:
    told = refusal(",a\n0,1\nx,2\n")
    assert told.startswith("params.csv, line 1, column 1: the header is blank ('')")
    assert told.endswith("or write it with to_csv(index=False) if it is the index of pandas")


def test_columns_may_differ_by_case_only() -> None:
    assert table("zoom,Zoom,INDEX\n1,2,3\n").columns == ("zoom", "Zoom", "INDEX")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("", "params.csv is empty: write the column names into its first line"),
        ("\n\r\n\n", "params.csv is empty"),
        (b"\xef\xbb\xbf", "params.csv is empty"),
        ("a,b\n", "params.csv has a header and no rows"),
        (
            "a,b\n1,2\n3\n",
            "params.csv, line 3: 1 value for 2 columns: the row ends before column 'b' (its last value is '3')",
        ),
        (
            "a,b\n1,2\n\n3,4,5\n",
            "params.csv, line 4: 3 values for 2 columns: the value '5' is behind the last column, 'b'",
        ),
        ('a,b\n"x\ny",2\n3\n', "params.csv, line 4: 1 value"),
        ("a,b,a\n1,2,3\n", "params.csv, line 1, column 3: column 1 has the same name 'a'"),
        ("a,,c\n1,2,3\n", "params.csv, line 1, column 2: the header is blank ('')"),
        ("a, \n1,2\n", "params.csv, line 1, column 2: the header is blank (' ')"),
        ("\na,\n1,2\n", "params.csv, line 2, column 2: the header is blank"),
        ("a,index\n1,2\n", "params.csv, line 1, column 2: the name 'index' is reserved"),
        ("a\0,b\n1,2\n", "params.csv, line 1, column 1: the value 'a\\x00' has a NUL"),
        (b"a,b\n1,2\ncaf\xe9,3\n", "params.csv, line 3: the bytes b'\\xe9,3\\n' are not UTF-8: save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "params.csv is not CSV text: it is UTF-16 text: save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), "it is UTF-16 text: save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-be"), "it is UTF-16 text: save it as UTF-8"),
        ("\u0436\u0443,\u043c\n\u0434\u0430,\u043d\n".encode("utf-16-le"), "it is UTF-16 text: save it as UTF-8"),
        ("\u6570\n\u636e\n".encode("utf-16-be"), "it is UTF-16 text: save it as UTF-8"),
        ("a,b\n".encode("utf-32"), "it is UTF-32 text: save it as UTF-8"),
        (b"%PDF-1.4\n\x00", "it is a PDF file"),
        (b"\x89PNG\r\n\x1a\n\x00", "it is a picture"),
        (b"ARROW1\x00\x00", "it is a Feather file"),
        (b"PK\x03\x04\x14\0", "it is a zip archive, as .xlsx and .ods files are: save the sheet as CSV (UTF-8)"),
        (gzip.compress(b"a,b\n", mtime=0), "it is compressed with gzip: unpack it first"),
        ('a,b\n1,"2\n3,4\n', "params.csv, line 2, column 2: the quote of '\"2\\n3,4\\n' is not closed"),
        ('a,b\n1,2\n"3""\n', 'params.csv, line 3, column 1: the quote of \'"3""\\n\' is not closed'),
        ('a,b\n"1"x,"2\n3",4\n', "params.csv, line 2, column 1: '\"1\"x' is not CSV"),
        ("a,b\r1,2\r", "params.csv, line 1, column 2: 'b\\r1' is not CSV"),
        ("a,b\n1,x\0y\n", "params.csv, line 2, column 'b': the value 'x\\x00y' has a NUL"),
    ],
)
def test_what_is_wrong_is_told_with_line_column_and_value(data: str | bytes, told: str) -> None:
    assert told in refusal(data)


def test_what_looks_like_an_escaped_nul_is_none() -> None:
    assert list(table("a\n\\u0000\n")) == [("\\u0000",)]


def test_a_value_may_have_120_kib_and_no_more() -> None:
    longest = "x" * (120 * KIB)
    assert list(table(f"a,b\n1,{longest}\n")) == [("1", longest)]

    for value in (longest + "x", "é" * (60 * KIB) + "x", "x" * 200 * KIB, f'"{"x," * 100 * KIB}"'):
        message = refusal(f"a,b\n1,2\n1,{value}\n")
        assert message.startswith("params.csv, line 3, column ")
        assert "[cut]' is over 120 KiB" in message


def test_a_long_value_is_told_by_its_own_column() -> None:
    assert "column 'b'" in refusal(f"a,b,c\n{'x' * 100 * KIB},{'y' * 125 * KIB},z\n")
    assert "column 2: the value 'yyy" in refusal(f"a,b,c\n{'x' * 100 * KIB},{'y' * 500 * KIB},z\n")


def test_a_quote_that_is_never_closed_in_a_long_file_is_told_where_it_opens() -> None:
    message = refusal('a,b\n1,2\n1,"oops\n' + "1,2\n" * 500_000)

    assert "params.csv, line 3, column 2: the value '\"oops\\n1,2" in message
    assert message.endswith("or close the quote")


def test_a_csv_field_limit_set_by_somebody_else_changes_nothing() -> None:
    before = csv.field_size_limit(1 << 40)
    try:
        assert "line 3, column 2" in refusal('a,b\n1,2\n1,"oops\n' + "1,2\n" * 2_000_000)
        assert "column 'b': the value 'yyy" in refusal(f"a,b\n1,{'y' * 500 * KIB}\n")
    finally:
        csv.field_size_limit(before)


def test_a_row_of_over_one_mib_is_told() -> None:
    values = ",".join(["x" * 110 * KIB] * 10)

    assert "params.csv, line 2: the row is over 1 MiB" in refusal(",".join("abcdefghij") + f"\n{values}\n")


def test_a_file_without_line_ends_is_no_csv() -> None:
    assert "params.csv, line 2 is longer than 4 MiB, so it is not a row of a CSV file: give a CSV file" in refusal(
        b"a\n" + b"x" * (5 << 20)
    )


def test_the_rows_that_a_queue_can_count_are_the_most() -> None:
    message = refusal(b"a\n" + b"1\n" * (MAX_TASKS + 1))

    assert message.startswith(f"params.csv, line {MAX_TASKS + 2}: more than {MAX_TASKS} rows")


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "no.csv", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ParametersError) as caught:
            read_csv(lambda path=path: path.open("rb"), str(path))  # type: ignore[misc]
        assert str(caught.value).startswith(f"{path} cannot be read ({why})")


@pytest.mark.parametrize("later", ["a\n1\n3\n", "a\n1\n", "a\n1\n2\n3\n", "a\n1\n2\n\n", "b\n1\n2\n", "a,b\n1,2\n", ""])
def test_a_file_that_changes_after_it_was_checked_is_refused(later: str) -> None:
    # Given a file that is good at first
    texts = iter(["a\n1\n2\n", later])
    rows = read_csv(lambda: io.BytesIO(next(texts).encode()), "params.csv")

    # When its rows are read again, then it has changed
    with pytest.raises(ParametersError, match=r"params\.csv changed|the rows changed"):
        list(pages(rows))


def test_every_pass_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "params.csv"
    path.write_text("a\n1\n2\n")
    opened: list[BinaryIO] = []

    def open_text() -> BinaryIO:
        opened.append(path.open("rb"))
        return opened[-1]

    rows = read_csv(open_text, "params.csv")
    list(rows)
    begun = iter(rows)
    assert isinstance(begun, Iterator)
    next(begun)
    del begun

    assert [stream.closed for stream in opened] == [True, True, True]


class Endless(io.RawIOBase):
    """A CSV file of `n` rows that is generated while it is read."""

    def __init__(self, n: int) -> None:
        self._left = n
        self._text = b"name,value\n"

    def read(self, size: int = -1) -> bytes:
        while self._left and len(self._text) < size:
            count = min(self._left, 1000)
            self._text += b'"some, name",0.123456789\n' * count
            self._left -= count
        self._text, text = self._text[size:], self._text[:size]
        return text


def test_memory_stays_flat_however_many_rows_there_are() -> None:
    def peak(n: int) -> int:
        tracemalloc.start()
        rows = read_csv(lambda: Endless(n), "params.csv")  # type: ignore[arg-type,return-value]
        assert sum(len(page) for page in pages(rows)) == n
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(100_000) < peak(10_000) + 300_000


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1)))
def test_what_csv_writes_is_read_back_and_equals_the_records(written: list[list[str]]) -> None:
    # Given rows as the csv module writes them
    names = [f"c{i}" for i in range(len(written[0]))]
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([names, *written])

    # When they are read
    rows = table(text.getvalue())

    # Then they are the same, and so is the digest of the same rows from Python
    assert list(rows) == [tuple(row) for row in written]
    assert rows.to_spec() == from_records([dict(zip(names, row, strict=True)) for row in written]).to_spec()


@given(st.binary(max_size=200) | st.text('ab",\n\r\0é', max_size=60).map(str.encode))
def test_any_bytes_are_rows_or_one_clear_error(data: bytes) -> None:
    try:
        rows = table(data)
    except ParametersError as error:
        told = str(error)
    else:
        told = "params.csv is good"
        assert len(list(rows)) == rows.n > 0
        assert all(len(row) == len(rows.columns) for row in rows)

    assert told.startswith("params.csv")
