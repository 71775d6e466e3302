"""The retry loop."""

from __future__ import annotations

import pytest

from kubeque.retry import growing_pauses, retry


class Flaky:
    """Function that raises one of the given errors in each call. Afterwards it returns the number of its calls."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


def passes(error: Exception) -> bool:
    return isinstance(error, TimeoutError)


def test_an_action_is_repeated_after_each_pause_while_its_error_may_pass() -> None:
    slept: list[float] = []
    action = Flaky(TimeoutError(), TimeoutError())

    assert retry(action, again=passes, pauses=(1, 2, 4), sleep=slept.append) == 3
    assert slept == [1, 2]


def test_the_last_error_is_raised_after_the_last_pause() -> None:
    slept: list[float] = []
    last = TimeoutError("last")

    with pytest.raises(TimeoutError) as caught:
        retry(Flaky(TimeoutError(), TimeoutError(), last), again=passes, pauses=(1, 2), sleep=slept.append)

    assert caught.value is last
    assert slept == [1, 2]


def test_another_error_is_raised_at_once() -> None:
    action = Flaky(ValueError("wrong"))

    with pytest.raises(ValueError, match="wrong"):
        retry(action, again=passes, pauses=(1, 2), sleep=pytest.fail)

    assert action.calls == 1


def test_pauses_are_spread_and_named_before_they_begin() -> None:
    named: list[float] = []
    slept: list[float] = []

    retry(
        Flaky(*[TimeoutError() for _ in range(50)]), again=passes, pauses=[2.0] * 50, spread=(0.5, 1.0),
        before_pause=lambda error, seconds: named.append(seconds), sleep=slept.append,
    )  # fmt: skip

    assert named == slept
    assert all(1.0 <= seconds <= 2.0 for seconds in slept)
    assert len(set(slept)) > 10


def test_pauses_grow_to_a_bound_until_the_time_is_over() -> None:
    times = iter(range(0, 100, 4))
    pauses = growing_pauses(1.0, 5.0, 18.0, clock=lambda: float(next(times)))
    assert list(pauses) == [1.0, 2.0, 4.0, 5.0]
