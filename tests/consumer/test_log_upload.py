"""The log of a running task is uploaded at growing intervals, and immediately if a user looks at it."""

from __future__ import annotations

from kubeque.consumer.log_upload import FIRST_SECONDS, LONGEST_SECONDS, Schedule


def test_a_growing_log_is_sent_after_ten_seconds_and_then_ever_less_often() -> None:
    schedule, sent = Schedule(due=FIRST_SECONDS), []
    for now in range(3000):
        if schedule.is_due(now, 0.0, (now, 0)):
            schedule.note_upload(now, 0.0, (now, 0))
            sent.append(now)
    assert sent[:4] == [10, 30, 70, 150]
    assert {b - a for a, b in zip(sent[-4:], sent[-3:], strict=False)} == {int(LONGEST_SECONDS)}


def test_a_log_that_says_nothing_new_is_not_sent_again() -> None:
    schedule = Schedule(due=FIRST_SECONDS)
    assert not schedule.is_due(500.0, 0.0, (0, 0))
    schedule.note_upload(500.0, 0.0, (3, 0))
    assert not schedule.is_due(5000.0, 0.0, (3, 0))
    assert schedule.is_due(5000.0, 0.0, (3, 1))


def test_who_looks_is_answered_at_once_also_by_silence_and_then_sees_it_grow() -> None:
    schedule = Schedule(due=FIRST_SECONDS)
    assert schedule.is_due(1.0, 120.0, (0, 0))
    schedule.note_upload(1.0, 120.0, (0, 0))
    assert not schedule.is_due(3.0, 120.0, (0, 0))
    assert schedule.is_due(3.0, 120.0, (5, 0))
    assert not schedule.is_due(1.5, 120.0, (5, 0)), "stores refuse to write one object more than once a second"
    assert schedule.is_due(3.0, 140.0, (0, 0)), "somebody asked again"
    assert schedule.due == FIRST_SECONDS, "looking changes nothing of the regular times"
