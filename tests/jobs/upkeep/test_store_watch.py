"""A store that does not answer is noticed without waiting for it."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest

from kubeque.jobs.upkeep import store_watch
from kubeque.jobs.upkeep.store_watch import StoreWatch
from kubeque.model.errors import StorageError, StoreUnavailable
from tests.waiting import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_watch, "_ASK_SECONDS", 0.05)
    monkeypatch.setattr(store_watch, "_ASK_AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(store_watch, "SILENT_SECONDS", 0.3)


class Store:
    """A store that answers, refuses, fails, or does not answer."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.answers = threading.Event()
        self.answers.set()

    def ask(self) -> None:
        self.answers.wait(600)  # longer than the time limit of a test
        if self.error is not None:
            raise self.error


def test_a_store_that_hangs_is_silent_until_it_answers() -> None:
    store = Store()
    watch = StoreWatch("s3://b/results", store.ask)
    assert watch.describe() == ""
    store.answers.clear()
    until("the silence", lambda: watch.silent_seconds() > 0)
    found = watch.describe()
    assert re.fullmatch(
        r"the store s3://b/results has not answered since \d\d:\d\d:\d\d \(\d.*s\): running tasks continue, and"
        r" their results are stored when the store answers",
        found,
    ), found
    first = watch.silent_seconds()
    time.sleep(0.1)
    assert watch.silent_seconds() >= first + 0.1, "it counts from the first request without an answer"
    store.answers.set()
    until("an answer", lambda: watch.describe() == "")


def test_the_first_call_waits_for_an_answer_but_not_for_long() -> None:
    store = Store()
    store.answers.clear()
    began = time.monotonic()
    assert StoreWatch("s3://b", store.ask).silent_seconds() > 0
    assert time.monotonic() - began >= 0.3
    store.answers.set()


@pytest.mark.parametrize(("error", "silent"), [(StoreUnavailable("no route"), True), (StorageError("refused"), False)])
def test_an_error_without_an_answer_is_silence_and_a_refusal_is_none(error: Exception, silent: bool) -> None:
    store = Store()
    store.error = error
    watch = StoreWatch("s3://b", store.ask)
    assert (watch.describe() != "") == silent
    store.error = None
    until("an answer", lambda: watch.describe() == "")


def test_a_library_that_is_missing_prints_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store = Store()
    store.error = RuntimeError("no such library")
    assert StoreWatch("s3://b", store.ask).describe() == ""
    assert capfd.readouterr() == ("", "")
