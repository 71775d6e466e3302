"""Budgets: the number of extra attempts for each cause."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.errors import ResourceError
from kubeque.model.job import retries
from kubeque.model.job.causes import Cause
from kubeque.model.job.retries import ALWAYS_STORED, DEFAULT_BUDGETS, GROWING, Budgets, Verdict

budgets = st.builds(Budgets, st.dictionaries(st.sampled_from(Cause), st.integers(0, 30)))


@pytest.mark.parametrize("cause", list(DEFAULT_BUDGETS))
def test_a_cause_is_forgiven_as_often_as_its_budget_says(cause: Cause) -> None:
    extra = DEFAULT_BUDGETS[cause]
    again = Verdict.MOVE if cause in GROWING else Verdict.RETRY

    verdicts = [Budgets().verdict(cause, {cause: charged}) for charged in range(1, extra + 2)]

    assert verdicts == [again] * extra + [Verdict.FAIL]


def test_charges_of_other_causes_count_for_nothing() -> None:
    charges = {Cause.LOST: 3, Cause.PREEMPTED: 20, Cause.OOM: 1}

    assert Budgets().verdict(Cause.OOM, charges) is Verdict.MOVE


def test_a_cause_without_a_budget_is_never_forgiven() -> None:
    assert Budgets({}).verdict(Cause.LOST, {Cause.LOST: 1}) is Verdict.FAIL


def test_a_budget_can_be_replaced() -> None:
    changed = Budgets().with_extra({"exit": 2, "preempted": 0})

    assert changed.extra == {**DEFAULT_BUDGETS, Cause.EXIT: 2, Cause.PREEMPTED: 0}
    assert Budgets().extra == DEFAULT_BUDGETS


@pytest.mark.parametrize("name", ["oops", "ok", "killed", "", "EXIT"])
def test_an_unknown_cause_is_told_with_the_causes_there_are(name: str) -> None:
    with pytest.raises(ResourceError, match=f"retries of '{name}': unknown cause; the causes are exit, signal"):
        Budgets().with_extra({name: 1})


@pytest.mark.parametrize("count", [-1, 1.5, "2", True, None])
def test_a_budget_is_a_whole_number(count: Any) -> None:
    with pytest.raises(ResourceError, match=f"retries of 'exit': {count!r} is not a whole number of at least 0"):
        Budgets().with_extra({"exit": count})


def test_the_budget_of_a_new_cause_is_stored_only_where_it_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a kubeque that knows one more cause
    monkeypatch.setattr(retries, "DEFAULT_BUDGETS", {**DEFAULT_BUDGETS, "frozen": 2})
    # Then each job has the nine causes of old, and the new one only if its budget is not the default
    assert set(Budgets(dict(retries.DEFAULT_BUDGETS)).to_wire()) == set(map(str, ALWAYS_STORED))
    assert Budgets({**DEFAULT_BUDGETS, "frozen": 5}).to_wire()["frozen"] == 5
    # And a missing one means the default
    assert Budgets.from_wire({"exit": 1}).extra == {"exit": 1, "internal": 2, "frozen": 2}


def test_the_budget_of_an_unknown_cause_is_kept_and_grants_nothing() -> None:
    read = Budgets.from_wire({**Budgets().to_wire(), "frozen": 9})

    assert read.to_wire()["frozen"] == 9
    assert read.with_extra({"exit": 1}).to_wire()["frozen"] == 9
    assert read.verdict(Cause.UNKNOWN, {"unknown": 1}) is Verdict.FAIL


@given(budgets)
def test_budgets_survive_the_wire(value: Budgets) -> None:
    value = Budgets({**value.extra, Cause.INTERNAL: value.extra.get(Cause.INTERNAL, 2)})

    assert Budgets.from_wire(json.loads(json.dumps(value.to_wire()))) == value
