"""Values of our decorator behave as those of `dataclasses.dataclass`."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from kubeque.lazy_dataclass import dataclass as lazy


def _point(decorate: Any) -> Any:
    @decorate(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        y: int = 2
        names: list[str] = dataclasses.field(default_factory=list)
        note: str = dataclasses.field(default="", compare=False, repr=False)

    return Point


def _checked(decorate: Any) -> Any:
    @decorate(frozen=True, slots=True)
    class Checked:
        """A value with a check and a hash of its own."""

        x: int

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError(f"{self.x} is negative")

        def __hash__(self) -> int:
            return 7

    return Checked


@lazy(frozen=True, slots=True)
class Kept:
    """A value that is pickled by the name of its class."""

    x: int
    inner: tuple[str, ...] = ()


@lazy(frozen=True, slots=True)
class KeptMore(Kept):
    """A value with one more field."""

    more: int = 0


@pytest.mark.parametrize("words", [((1,), {}), ((1, 3), {"note": "a"}), ((), {"x": 0, "names": ["n"]})])
def test_a_value_reads_and_compares_as_a_standard_one(words: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    given, named = words
    standard, ours = _point(dataclasses.dataclass), _point(lazy)
    value, expected = ours(*given, **named), standard(*given, **named)
    assert repr(value) == repr(expected)
    assert dataclasses.asdict(value) == dataclasses.asdict(expected)
    assert value == ours(*given, **{**named, "note": "not compared"})
    assert value != ours(99)
    assert value != expected
    assert inspect.signature(ours) == inspect.signature(standard)
    assert dataclasses.replace(value, y=9).y == 9
    assert not hasattr(value, "__dict__")
    assert ours.__match_args__ == standard.__match_args__


@pytest.mark.parametrize("words", [((), {}), ((1, 2, [], "", 5), {}), ((), {"z": 1})])
def test_wrong_words_are_the_error_of_a_standard_one(words: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    given, named = words
    messages = []
    for decorate in (dataclasses.dataclass, lazy):
        with pytest.raises(TypeError) as refused:
            _point(decorate)(*given, **named)
        messages.append(str(refused.value).split(".")[-1])
    assert messages[0] == messages[1]


def test_a_value_cannot_be_changed() -> None:
    value = Kept(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del value.x  # type: ignore[misc]
    assert value == Kept(1)


def test_a_value_is_a_key() -> None:
    assert {Kept(1): "one", Kept(2): "two"}[Kept(2)] == "two"
    assert hash(_checked(lazy)(1)) == 7
    with pytest.raises(TypeError):
        hash(_point(lazy)(1))  # its list has no hash


@pytest.mark.parametrize("value", [Kept(1), Kept(2, ("a",)), KeptMore(3, ("b",), 4)])
def test_a_value_can_be_copied_and_pickled(value: Kept) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    assert copy.copy(value) == value == copy.deepcopy(value)


def test_a_class_may_extend_another() -> None:
    assert repr(KeptMore(1, more=2)) == "KeptMore(x=1, inner=(), more=2)"
    assert KeptMore(1) != Kept(1)


def test_a_class_may_check_its_values() -> None:
    with pytest.raises(ValueError, match="-1 is negative"):
        _checked(lazy)(-1)


def test_nothing_is_compiled_before_the_first_value() -> None:
    ours = _point(lazy)
    before = ours.__init__
    ours(1)
    assert ours.__init__ is not before
    assert ours.__init__.__qualname__.endswith("Point.__init__")


def test_a_class_may_keep_its_text_secret() -> None:
    @lazy(frozen=True, slots=True, repr=False)
    class Login:
        """A login."""

        password: str

    assert "hunter2" not in repr(Login("hunter2"))
