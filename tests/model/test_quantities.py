"""Quantities as people write them, and the shapes that a task grows through."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.errors import ResourceError
from kubeque.model.job.causes import Cause
from kubeque.model.job.shapes import Shape, grow_shapes, larger_class
from kubeque.model.quantities import MI, format_bytes, parse_bytes, parse_cpu, parse_duration
from kubeque.model.text import describe

GI = 1024 * MI


@pytest.mark.parametrize(
    ("text", "count"),
    [("100M", 10**8), ("100Mi", 100 * MI), ("1.5Gi", 3 * GI // 2), (" 2G ", 2 * 10**9), (".5Gi", GI // 2), (MI, MI),
     ("2GB", 2 * 10**9), ("2gb", 2 * 10**9), ("1 GiB", GI), ("512MiB", 512 * MI)],
)  # fmt: skip
def test_bytes_are_read(text: str | int, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize(("text", "cores"), [("0.2", 0.2), ("2", 2.0), ("500m", 0.5), (1.5, 1.5), (" .5 ", 0.5)])
def test_cores_are_read(text: str | float, cores: float) -> None:
    assert parse_cpu(text) == cores


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), (90, 90.0), ("90s", 90.0), ("30m", 1800.0), ("1.5h", 5400.0), ("2 d", 172800.0), ("250ms", 0.25),
     ("30minutes", 1800.0), ("1.5 Hours", 5400.0), ("1h30m", 5400.0), ("2 days 1 h", 176400.0), ("1w", 604800.0)],
)  # fmt: skip
def test_durations_are_read(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("read", [parse_bytes, parse_cpu, parse_duration])
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "-1",
        "0",
        "1e9",
        "nan",
        "inf",
        "1,5",
        "1 2",
        "Gi",
        "1GBB",
        "1M30M",
        "30m30m",
        "1m 30",
        "\n",
        "9" * 400,
        None,
    ],
)
def test_what_is_no_quantity_is_told_with_good_ones(read: Callable[[object, str], float], text: object) -> None:
    with pytest.raises(ResourceError) as caught:
        read(text, "--some-option")

    assert str(caught.value).startswith(f"--some-option {describe(text)} ")
    assert "write it as" in str(caught.value)


def test_fewer_bytes_than_a_program_fits_in_are_refused() -> None:
    with pytest.raises(ResourceError, match="memory '100m' is not a quantity"):
        parse_bytes("100m")
    with pytest.raises(ResourceError, match="memory '512' means 512 bytes, too little for any program"):
        parse_bytes("512")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (1000, "1000"), (1024, "1Ki"), (3 * GI // 2, "1.5Gi"), (100 * MI, "100Mi"), (2**60, "1048576Ti")],
)
def test_bytes_are_written(count: int, text: str) -> None:
    assert format_bytes(count) == text


@given(st.integers(MI, 2**50))
def test_bytes_are_read_back_nearly_as_they_were_written(count: int) -> None:
    assert math.isclose(parse_bytes(format_bytes(count)), count, rel_tol=0.06)


def test_memory_doubles_up_to_the_most_and_disk_doubles_once() -> None:
    shapes = grow_shapes(Shape(GI, 10 * GI), 5 * GI)

    assert shapes == (
        *(Shape(memory * GI, 10 * GI) for memory in (1, 2, 4, 5)),
        *(Shape(memory * GI, 20 * GI) for memory in (1, 2, 4, 5)),
    )


@pytest.mark.parametrize(("first", "most"), [(Shape(), None), (Shape(), GI), (Shape(GI), None), (Shape(GI), GI // 2)])
def test_a_shape_without_room_does_not_grow(first: Shape, most: int | None) -> None:
    assert grow_shapes(first, most) == (first,)
    assert larger_class((first,), 0, Cause.OOM) is None
    assert larger_class((first,), 0, Cause.DISK) is None


memories = st.none() | st.integers(1, 64).map(lambda n: n * GI)


@given(st.builds(Shape, memories, memories), memories)
def test_growing_ends_and_gives_more_of_what_was_short(first: Shape, most: int | None) -> None:
    shapes = grow_shapes(first, most)

    assert shapes[0] == first
    assert len(set(shapes)) == len(shapes)
    for cause, grows, stays in ((Cause.OOM, "memory", "disk"), (Cause.DISK, "disk", "memory")):
        for current, shape in enumerate(shapes):
            after = larger_class(shapes, current, cause)
            if after is None:
                assert all((getattr(s, grows) or 0) <= (getattr(shape, grows) or 0) for s in shapes)
            else:
                assert after > current
                assert getattr(shapes[after], grows) > getattr(shape, grows)
                assert getattr(shapes[after], stays) == getattr(shape, stays)


def test_other_causes_do_not_grow_a_task() -> None:
    shapes = grow_shapes(Shape(GI, GI), 4 * GI)

    assert {cause for cause in Cause if larger_class(shapes, 0, cause) is not None} == {Cause.OOM, Cause.DISK}
