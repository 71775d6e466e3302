"""How long one waits before asking again."""

from __future__ import annotations

from itertools import islice

from kubeque.retry import idle_pauses


def test_who_finds_nothing_looks_soon_at_first_and_then_about_once_a_second() -> None:
    for _ in range(100):
        pauses = list(islice(idle_pauses(), 20))
        assert 0.125 <= pauses[0] <= 0.25
        assert all(0.5 <= pause <= 1.0 for pause in pauses[2:])


def test_idle_consumers_do_not_look_all_at_once() -> None:
    assert len({next(idle_pauses()) for _ in range(20)}) > 10
