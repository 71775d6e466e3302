"""The progress of many threads is added up and reported, and the threads can be stopped."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kubeque.files.parallel import in_parallel
from kubeque.files.transfer_progress import Meter, Stopped, Transfer


def test_what_threads_move_is_summed_and_the_end_is_always_told() -> None:
    said: list[Transfer] = []
    meter = Meter(50, 5000, said.append)

    def move(_: int) -> None:
        for size in (60, 60, -20):
            meter.moved(size)
        meter.done()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(move, range(50)))
    assert said[-1] == Transfer(50, 50, 5000, 5000)
    assert [one.items for one in said] == sorted(one.items for one in said)


def test_once_it_is_stopped_the_next_piece_ends_a_thread_but_what_goes_back_is_counted() -> None:
    meter = Meter(1, 10)
    meter.moved(5)
    meter.stop()
    with pytest.raises(Stopped):
        meter.moved(1)
    meter.moved(-5)


def test_ctrl_c_ends_uploads_at_their_next_piece() -> None:
    # Given two threads, of which one would move pieces for ever
    meter, begun = Meter(8, 1), threading.Barrier(2)

    def send(number: int) -> None:
        begun.wait(20)
        if number == 0:
            raise KeyboardInterrupt
        while True:
            meter.moved(0)

    # When the waiting caller is interrupted, then both end.
    with pytest.raises(KeyboardInterrupt):
        list(in_parallel(send, range(2), threads=2, stop=meter.stop))
