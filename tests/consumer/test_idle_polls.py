"""How often an idle consumer polls."""

from __future__ import annotations

from itertools import islice

from kubeque.consumer.idle_polls import idle_pauses


def test_an_idle_consumer_polls_soon_at_first_and_then_about_once_a_second() -> None:
    for _ in range(100):
        pauses = list(islice(idle_pauses(), 20))
        assert 0.125 <= pauses[0] <= 0.25
        assert all(0.5 <= pause <= 1.0 for pause in pauses[2:])


def test_idle_consumers_do_not_poll_at_the_same_time() -> None:
    assert len({next(idle_pauses()) for _ in range(20)}) > 10
