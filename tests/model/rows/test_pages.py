"""Pages and digests of rows, and how one row is read back."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeque.model.errors import ParametersError, StorageError
from kubeque.model.rows.grid import grid, sequence
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import Rows, RowsSpec, encode_page, iter_rows, pages, parse_page, read_row
from tests.calls import count_calls
from tests.model.rows.row_checks import no_page, stored

MIB = 1 << 20


class TestPages:
    def test_a_page_has_at_most_1000_rows(self) -> None:
        rows = from_records([{"a": i} for i in range(2001)])

        assert [len(page) for page in pages(rows)] == [1000, 1000, 1]
        assert rows.to_spec().starts == (0, 1000, 2000)

    def test_a_page_has_at_most_one_mib(self) -> None:
        rows = from_records([{"a": "x" * 100_000, "b": "é" * (i % 7) * 1000} for i in range(50)])
        written = [encode_page(page) for page in pages(rows)]

        assert max(map(len, written)) <= MIB
        assert min(map(len, written[:-1])) > MIB - 125_000

    def test_a_page_is_filled_to_the_last_byte(self) -> None:
        # Given three rows of JSON text that make one page of 1 MiB exactly, with brackets, commas and quotes
        wide = 9
        room = MIB - len(json.dumps([[""] * wide] * 3, separators=(",", ":")))
        cells = [room // (3 * wide)] * (3 * wide)
        cells[0] += room - sum(cells)

        for extra, count in ((0, 1), (1, 2)):
            sizes = [cells[0] + extra, *cells[1:]]
            records = [{f"c{i}": "x" * sizes[row * wide + i] for i in range(wide)} for row in range(3)]
            written = [encode_page(page) for page in pages(from_records(records))]
            assert len(written) == count
            assert (len(written[0]) == MIB) == (count == 1)

    def test_computed_rows_can_be_paged_as_well(self) -> None:
        assert [len(page) for page in pages(sequence(1500))] == [1000, 500]
        assert list(itertools.chain.from_iterable(pages(grid(a=range(3))))) == [("0",), ("1",), ("2",)]

    @pytest.mark.parametrize(
        "stored", [7, None, {}, "ab", [7], ["ab"], [None], [[1]], [["a"], [None]], [[["a"]]], [[{}]]]
    )
    def test_a_damaged_page_is_recognised(self, stored: object) -> None:
        with pytest.raises(TypeError):
            parse_page(stored)

    def test_a_row_is_read_and_paged_with_few_calls(self) -> None:
        records = [{"x": "-1.4", "y": "0", "zoom": str(i)} for i in range(10_000)]
        written: list[bytes] = []

        calls = count_calls(lambda: written.extend(encode_page(page) for page in pages(from_records(records))))

        assert len(written) == 10
        assert calls < 25 * len(records)


class TestReadRow:
    def test_a_row_of_a_table_reads_its_page_only(self) -> None:
        rows = from_records([{"a": i, "b": "x"} for i in range(2500)])
        read = stored(rows)
        asked: list[int] = []

        def page(number: int) -> Sequence[Sequence[str]]:
            asked.append(number)
            return read(number)

        spec = rows.to_spec()
        for index in (0, 999, 1000, 2499):
            assert read_row(spec, index, page) == {"a": str(index), "b": "x", "index": str(index)}
        assert asked == [0, 0, 1, 2]

    @pytest.mark.parametrize("index", [-1, 3, 10**9])
    def test_a_row_that_is_not_there_is_told(self, index: int) -> None:
        with pytest.raises(ParametersError, match=f"there is no row {index}: the sweep has the rows 0 to 2"):
            read_row(sequence(3).to_spec(), index, no_page)

    def test_a_page_of_another_sweep_is_told(self) -> None:
        spec = from_records([{"a": 1}, {"a": 2}]).to_spec()

        with pytest.raises(StorageError, match="page 0 of the stored rows has 1 rows, not 2"):
            read_row(spec, 0, lambda number: [["1"]])
        with pytest.raises(StorageError, match="row 1 has 2 values, not 1"):
            read_row(spec, 1, lambda number: [["1", "2"]] * 2)

    def test_all_rows_are_streamed_a_page_at_a_time(self) -> None:
        rows = from_records([{"a": i} for i in range(1500)])
        spec, read, asked = rows.to_spec(), stored(rows), []

        def page(number: int) -> Sequence[Sequence[str]]:
            asked.append(number)
            return read(number)

        streamed = iter_rows(spec, page)
        assert next(streamed) == {"a": "0", "index": "0"}
        assert asked == [0]
        assert [row["index"] for row in streamed] == [str(i) for i in range(1, 1500)]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


names = st.lists(texts.filter(lambda name: name.strip() and name != "index"), unique=True, min_size=1, max_size=4)


@st.composite
def sweeps(draw: st.DrawFn) -> Rows:
    columns = draw(names)
    if draw(st.booleans()):
        return grid({name: draw(st.lists(texts, min_size=1, max_size=4)) for name in columns})
    row = st.fixed_dictionaries(dict.fromkeys(columns, texts))
    return from_records(draw(st.lists(row, min_size=1, max_size=20)))


@given(sweeps())
def test_every_row_is_read_back_as_it_was(rows: Rows) -> None:
    spec, page = rows.to_spec(), stored(rows) if rows.kind == "table" else no_page
    expected = [{**dict(zip(rows.columns, row, strict=True)), "index": str(i)} for i, row in enumerate(rows)]

    assert list(iter_rows(spec, page)) == expected
    assert [read_row(spec, index, page) for index in range(spec.n)] == expected


@given(st.lists(st.tuples(texts, texts), min_size=1), st.lists(st.tuples(texts, texts), min_size=1))
def test_digests_are_equal_only_for_equal_rows(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    def digest(rows: list[tuple[str, str]]) -> str:
        return from_records([{"a": a, "b": b} for a, b in rows]).to_spec().digest

    assert (digest(one) == digest(other)) == (one == other)


def test_a_digest_tells_apart_where_one_value_ends() -> None:
    apart: list[list[Mapping[str, object]]] = [
        [{"a": "xy", "b": ""}],
        [{"a": "x", "b": "y"}],
        [{"a": 'x","y', "b": ""}],
        [{"b": "x", "a": "y"}],
        [{"a": "x"}, {"a": "y"}],
        [{"a,b": "x"}],
        [{"a": "b"}, {"a": "x"}],
    ]

    assert len({from_records(records).to_spec().digest for records in apart}) == len(apart)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 120_000), min_size=1, max_size=30))
def test_pages_keep_their_limit_and_begin_where_the_spec_says(sizes: list[int]) -> None:
    rows = from_records([{"a": "x" * size} for size in sizes])
    spec = rows.to_spec()
    lengths = [len(page) for page in pages(rows)]

    assert spec.starts == (0, *itertools.accumulate(lengths[:-1]))
    assert sum(lengths) == spec.n == len(sizes)
    assert all(len(encode_page(page)) <= MIB for page in pages(rows))


def test_a_spec_is_a_plain_value() -> None:
    spec = from_records([{"a": 1}]).to_spec()

    assert spec == RowsSpec(("a",), 1, "table", spec.digest, (0,), types=("i",))
    assert len(spec.digest) == 64
    assert replace(spec, n=2) != spec
