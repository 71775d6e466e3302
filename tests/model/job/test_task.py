"""The record of a task in a block: attempts, charges and the outcome that counts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.job.causes import Cause
from kubeque.model.job.task import KEPT_ATTEMPTS, Attempt, Outcome, State, TaskRecord
from kubeque.model.text import CUT_MARK, MESSAGE_CHARACTERS, cut

causes = st.sampled_from(Cause)
codes = st.none() | st.integers(0, 255)
#: Times as the wire keeps them.
times = st.integers(0, 10**13).map(lambda n: round(n / 1000, 3))
attempts = st.builds(
    Attempt, st.integers(1), causes, codes, st.text(), start=times, seconds=times, staging=times, saving=times
)
values = st.none() | st.dictionaries(st.text(), st.integers() | st.text() | st.booleans() | st.none())


def outcomes(index: int) -> st.SearchStrategy[Outcome]:
    return st.builds(
        Outcome, st.just(index), code=codes, start=times, seconds=times, out=values, staging=times, saving=times
    )


records = st.builds(
    TaskRecord,
    charges=st.dictionaries(causes, st.integers(0)),
    history=st.lists(attempts, max_size=KEPT_ATTEMPTS).map(tuple),
    outcome=st.none() | outcomes(5),
)


@given(attempts)
def test_an_attempt_survives_the_wire(attempt: Attempt) -> None:
    assert Attempt.from_wire(json.loads(json.dumps(attempt.to_wire()))) == attempt


@given(outcomes(5))
def test_an_outcome_survives_the_wire(outcome: Outcome) -> None:
    assert Outcome.from_wire(5, json.loads(json.dumps(outcome.to_wire()))) == outcome


@given(records)
def test_a_record_survives_the_wire(record: TaskRecord) -> None:
    assert TaskRecord.from_wire(5, json.loads(json.dumps(record.to_wire()))) == record


@given(records, st.text(min_size=1), st.lists(st.integers() | st.text(), max_size=3))
def test_causes_and_items_of_a_newer_program_are_kept(record: TaskRecord, name: str, more: list[Any]) -> None:
    # Given a record with a cause and items at its ends that are not known here
    wire = json.loads(json.dumps(record.to_wire()))
    cause = f"later-{name}"
    wire[1][cause] = 2
    for part in [wire, *wire[2], *([wire[3]] if wire[3] else [])]:
        if part is not wire:
            part[1] = cause
        # The last known items are stored only where they are true
        if part is wire[3]:
            part += [True, {"loss": 1}][len(part) - 15 :]
        elif part is wire:
            part += [1, "why"][len(part) - 5 :]
        part += more
    # When it is read
    read = TaskRecord.from_wire(5, wire)
    # Then people see that it is unknown, and it is written back unchanged
    assert {str(attempt.cause) for attempt in read.history} <= {"unknown"}
    assert read.outcome is None or read.outcome.cause is Cause.UNKNOWN
    assert json.loads(json.dumps(read.to_wire())) == wire
    # And it stays where the next attempt is recorded
    after = read.with_outcome(Outcome(5, 9, Cause.EXIT), "a")
    assert after.charges[cause] == 2
    assert after.extra == tuple(more)
    assert [kept.to_wire() for kept in after.history[:-1]] == [kept.to_wire() for kept in read.history][-7:]


def test_every_other_number_is_an_unknown_state() -> None:
    assert {State(number) for number in (5, 53, 254)} == {State.UNKNOWN}
    with pytest.raises(ValueError, match="256"):
        State(256)


@given(records)
def test_a_record_from_before_staging_was_timed_is_read(record: TaskRecord) -> None:
    wire = record.to_wire()
    wire[2] = [attempt[:6] for attempt in wire[2]]
    wire[3] = wire[3][:13] if wire[3] else None

    read = TaskRecord.from_wire(5, wire)

    assert [attempt.seconds for attempt in read.history] == [attempt.seconds for attempt in record.history]
    assert [attempt.staging for attempt in read.history] == [0.0] * len(record.history)
    assert (read.outcome is None) == (record.outcome is None)


def test_a_failure_is_remembered_and_charged() -> None:
    record = TaskRecord(attempts=2, charges={Cause.OOM: 1}, suspect=True)

    outcome = Outcome(5, 2, Cause.OOM, code=9, start=10.0, seconds=1.5, staging=0.5, saving=0.25)
    after = record.with_outcome(outcome, "consumer-a")

    assert after.charges == {Cause.OOM: 2}
    assert after.history == (Attempt(2, Cause.OOM, 9, "consumer-a", 10.0, 1.5, 0.5, 0.25),)
    assert not after.suspect
    assert record.charges == {Cause.OOM: 1}


def test_a_success_is_remembered_and_not_charged() -> None:
    after = TaskRecord(attempts=1).with_outcome(Outcome(5, 1, Cause.OK, code=0), "a")

    assert after.charges == {}
    assert after.outcome == Outcome(5, 1, Cause.OK, code=0)
    assert len(after.history) == 1


@given(st.lists(causes, max_size=30))
def test_only_the_last_attempts_are_kept_and_all_failures_charged(ends: list[Cause]) -> None:
    record = TaskRecord()
    for number, cause in enumerate(ends, 1):
        record = record.with_outcome(Outcome(5, number, cause), "a")

    assert [attempt.number for attempt in record.history] == list(range(1, len(ends) + 1))[-KEPT_ATTEMPTS:]
    assert sum(record.charges.values()) == sum(cause not in (Cause.OK, Cause.KILLED) for cause in ends)
    assert Cause.OK not in record.charges


def test_a_long_message_is_cut_in_the_queue() -> None:
    after = TaskRecord().with_outcome(Outcome(5, 1, Cause.EXIT, message="x" * 1000), "a")

    assert after.outcome
    assert len(after.outcome.message) == MESSAGE_CHARACTERS
    assert after.outcome.message.endswith(CUT_MARK)


@pytest.mark.parametrize(("text", "shown"), [("x" * 20, "x" * 20), ("x" * 21, "x" * 14 + CUT_MARK), ("", "")])
def test_text_is_cut_only_where_it_is_too_long(text: str, shown: str) -> None:
    assert cut(text, 20) == shown
