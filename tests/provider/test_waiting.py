"""Waiting in the triggerer, and the state of a sweep after the end of the Airflow task that waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.model.errors import QueueUnavailable
from kubeque.model.job.job_state import JobState
from kubeque.model.rows.grid import grid
from kubeque_provider.airflow_versions import (
    GONE,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from kubeque_provider.exceptions import BadSweep, SweepFailed
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor
from kubeque_provider.triggers.sweep import KubequeSweepTrigger
from kubeque_provider.waiter import Waiter
from tests.provider.conftest import first_event, revived

Execute = Callable[..., Any]


def sensor(job_id: Any, **fields: Any) -> Callable[[], KubequeJobSensor]:
    return lambda: KubequeJobSensor(task_id="wait", job_id=job_id, poke_interval=0.1, deferrable=True, **fields)


def submitter(*words: str, **fields: Any) -> Callable[[], KubequeSubmitOperator]:
    fields = {"wait": True, "deferrable": True, "poke_interval": 0.1, **fields}
    return lambda: KubequeSubmitOperator(task_id="submit", command=list(words), **fields)


def long_sweep(submit: Execute, **fields: Any) -> str:
    return str(submit(["/bin/sleep", "600"], wait=False, **fields)["job_id"])


def a_waiter(job_id: str, attempt: int = 1, **fields: Any) -> Waiter:
    return Waiter(job_id, "kubeque_default", "a_dag", "a_run", "wait", -1, attempt, **fields)


def take(waiter: Waiter, **fields: Any) -> None:
    with Client() as client:
        client.take(waiter.job_id, waiter.token, **fields)


def state(name: str) -> JobState:
    with Client() as client:
        return client.job(name).state


class TestDeferred:
    def test_the_sensor_waits_in_the_triggerer(self, submit: Execute, run: Any) -> None:
        pointer = submit(["/bin/sleep", "1"], wait=False)
        found, events = run.execute_deferred(sensor(pointer))
        assert events == ["ended"]
        counts = {"pending": 0, "running": 0, "ok": 1, "failed": 0, "killed": 0, "held": 0}
        assert found == {**pointer, "counts": counts}

    def test_what_has_ended_already_is_not_deferred(self, submit: Execute, run: Any) -> None:
        pointer = submit(["/bin/true"])
        assert run.execute_deferred(sensor(pointer)) == (pointer, [])

    def test_the_submit_operator_waits_there_as_well(self, run: Any) -> None:
        found, events = run.execute_deferred(submitter("/bin/sleep", "1"))
        assert (found["counts"]["ok"], events) == (1, ["ended"])

    def test_failing_rows_are_named_and_another_try_repairs(self, run: Any, tmp_path: Path) -> None:
        make = submitter("/bin/sh", "-c", f"sleep 0.5; test ! -e {tmp_path}/bad-{{a}}", parameters=grid(a=[1, 2]))
        (tmp_path / "bad-2").touch()
        with pytest.raises(SweepFailed, match=r"row 1 \(a=2\): exit 1"):
            run.execute_deferred(make)
        (tmp_path / "bad-2").unlink()
        assert run.execute_deferred(make, 2)[0]["counts"]["ok"] == 2

    def test_the_sensor_gives_up_at_its_timeout_and_the_sweep_goes_on(self, submit: Execute, run: Any) -> None:
        name = long_sweep(submit)
        with pytest.raises(AirflowSensorTimeout, match="the sweep continues"):
            run.execute_deferred(sensor(name, timeout=0.3))
        with pytest.raises(AirflowSkipException):
            run.execute_deferred(sensor(name, timeout=0.3, soft_fail=True))
        assert state(name) is JobState.ACTIVE

    def test_execution_timeout_counts_while_deferred_and_cancels(self, submit: Execute, run: Any) -> None:
        name = long_sweep(submit)
        with pytest.raises(AirflowTaskTimeout, match="is cancelled"):
            run.execute_deferred(sensor(name, execution_timeout=timedelta(seconds=0.3)))
        assert state(name) is JobState.KILLED

    def test_a_job_that_is_not_there_is_said_at_once(self, run: Any) -> None:
        with pytest.raises(BadSweep, match="there is no job 'nobody'"):
            run.execute_deferred(sensor("nobody"))

    def test_a_job_removed_while_waiting_is_said(self, submit: Execute) -> None:
        name = long_sweep(submit)
        with Client() as client:
            client.remove(name)
        event = first_event(KubequeSweepTrigger(**a_waiter(name).as_dict(), poke_interval=0.1))
        assert event["status"] == "bad"
        assert f"there is no job {name!r}" in event["message"]

    def test_the_rows_extra_attempts_can_be_set_by_who_waits(self, submit: Execute, run: Any) -> None:
        pointer = submit(["/bin/sleep", "1"], wait=False)
        run.execute_deferred(sensor(pointer, retry_causes={"lost": 7}))
        with Client() as client:
            assert client.job(pointer["job_id"]).budgets.to_wire()["lost"] == 7
        with pytest.raises(BadSweep, match="unknown cause"):
            run.execute_deferred(sensor(pointer, retry_causes={"bad luck": 1}))


class TestTrigger:
    def test_it_survives_being_stored(self) -> None:
        trigger = KubequeSweepTrigger(
            **a_waiter("sweep", 3).as_dict(), poke_interval=7.0, deadline=99.5, limit="timeout"
        )
        again = revived(trigger)
        assert again.serialize() == trigger.serialize()
        assert (again.waiter, again.poke_interval, again.deadline) == (trigger.waiter, 7.0, 99.5)

    def test_one_that_an_older_version_stored_still_runs(self, submit: Execute) -> None:
        pointer = submit(["/bin/true"])
        older = {"job_id": pointer["job_id"], "kubeque_conn_id": "kubeque_default", "dag_id": "d", "run_id": "r"}
        assert first_event(KubequeSweepTrigger(**older, task_id="t"))["status"] == "ended"

    def test_a_slow_queue_does_not_hold_the_event_loop(self, submit: Execute, monkeypatch: pytest.MonkeyPatch) -> None:
        pointer = submit(["/bin/true"])
        poll = KubequeHook.poll

        def slowly(hook: KubequeHook, name: str, token: str) -> Any:
            time.sleep(1.0)
            return poll(hook, name, token)

        monkeypatch.setattr(KubequeHook, "poll", slowly)
        triggers = [KubequeSweepTrigger(**a_waiter(pointer["job_id"]).as_dict()) for _ in range(8)]
        longest = 0.0

        async def tick() -> None:
            nonlocal longest
            while True:
                began = time.monotonic()
                await asyncio.sleep(0.01)
                longest = max(longest, time.monotonic() - began)

        async def all_of_them() -> list[Any]:
            ticking = asyncio.create_task(tick())
            found = await asyncio.gather(*(anext(trigger.run().__aiter__()) for trigger in triggers))
            ticking.cancel()
            return found

        assert [event.payload["status"] for event in asyncio.run(all_of_them())] == ["ended"] * 8
        assert longest < 0.9

    def test_it_asks_again_where_the_queue_does_not_answer(
        self, submit: Execute, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pointer = submit(["/bin/true"])
        poll, away = KubequeHook.poll, iter([True, True, False])

        def sometimes(hook: KubequeHook, name: str, token: str) -> Any:
            if next(away):
                raise QueueUnavailable("the server is being restarted")
            return poll(hook, name, token)

        monkeypatch.setattr(KubequeHook, "poll", sometimes)
        trigger = KubequeSweepTrigger(**a_waiter(pointer["job_id"]).as_dict(), poke_interval=0.05)
        assert first_event(trigger)["status"] == "ended"

    def test_its_arguments_hold_nothing_of_the_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_SECRET", "kubeque:///?queue_url=postgresql%3A%2F%2Fme%3Apassw0rd%40host%2Fdb")
        trigger = KubequeSweepTrigger(**{**a_waiter("sweep").as_dict(), "kubeque_conn_id": "secret"})
        assert "passw0rd" not in str(trigger.serialize())

    def test_a_connection_that_is_not_there_is_said(self) -> None:
        trigger = KubequeSweepTrigger(**{**a_waiter("sweep").as_dict(), "kubeque_conn_id": "nowhere"})
        assert "the connection 'nowhere' does not exist" in first_event(trigger)["message"]


class TestTheEndOfWhoWaits:
    """The state of the Airflow task decides about the sweep. Only the last task that took the job can cancel it."""

    @pytest.mark.parametrize("said", ["failed", "success", "skipped", "removed", GONE])
    def test_one_that_ended_for_good_takes_its_sweep_along(
        self, submit: Execute, monkeypatch: pytest.MonkeyPatch, said: str
    ) -> None:
        waiter = a_waiter(long_sweep(submit))
        take(waiter)
        monkeypatch.setattr("kubeque_provider.waiter.read_task_state", lambda *who: said)
        asyncio.run(KubequeSweepTrigger(**waiter.as_dict()).on_kill())
        assert state(waiter.job_id) is JobState.KILLED

    @pytest.mark.parametrize(
        "said", ["none", "scheduled", "queued", "running", "restarting", "up_for_retry", "deferred"]
    )
    def test_one_that_was_cleared_retries_or_moves_on_leaves_it_running(
        self, submit: Execute, monkeypatch: pytest.MonkeyPatch, said: str
    ) -> None:
        waiter = a_waiter(long_sweep(submit))
        take(waiter)
        monkeypatch.setattr("kubeque_provider.waiter.read_task_state", lambda *who: said)
        asyncio.run(KubequeSweepTrigger(**waiter.as_dict()).on_kill())
        assert state(waiter.job_id) is JobState.ACTIVE

    def test_a_late_end_of_an_earlier_try_does_not_touch_what_a_later_one_adopted(
        self, submit: Execute, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = a_waiter(long_sweep(submit))
        take(first)
        take(a_waiter(first.job_id, 2))
        monkeypatch.setattr("kubeque_provider.waiter.read_task_state", lambda *who: "failed")
        asyncio.run(KubequeSweepTrigger(**first.as_dict()).on_kill())
        assert state(first.job_id) is JobState.ACTIVE

    def test_with_cancel_on_kill_off_it_always_goes_on(self, submit: Execute, monkeypatch: pytest.MonkeyPatch) -> None:
        waiter = a_waiter(long_sweep(submit), cancel_on_kill=False)
        take(waiter)
        monkeypatch.setattr("kubeque_provider.waiter.read_task_state", lambda *who: "failed")
        asyncio.run(KubequeSweepTrigger(**waiter.as_dict()).on_kill())
        assert state(waiter.job_id) is JobState.ACTIVE

    def test_the_process_that_waits_decides_by_the_same_rule(
        self, submit: Execute, run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = long_sweep(submit)
        waiting = KubequeJobSensor(task_id="wait", job_id=name)
        waiting.poke(run.context("wait", 1))
        for said, after in (("running", JobState.ACTIVE), ("failed", JobState.KILLED)):
            monkeypatch.setattr("kubeque_provider.waiter.read_task_state", lambda *who, said=said: said)
            waiting.on_kill()
            assert state(name) is after

    def test_where_airflow_does_not_answer_it_goes_on(
        self, submit: Execute, run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*who: Any) -> str:
            raise RuntimeError("no server")

        name = long_sweep(submit)
        waiting = KubequeJobSensor(task_id="wait", job_id=name)
        waiting.poke(run.context("wait", 1))
        monkeypatch.setattr("kubeque_provider.waiter.read_task_state", broken)
        waiting.on_kill()
        assert state(name) is JobState.ACTIVE

    def test_a_sweep_that_nobody_looks_at_any_more_stops(self, submit: Execute, run: Any) -> None:
        name = long_sweep(submit)
        with Client() as client:
            client.take(name, a_waiter(name).token, orphan_after=0.5)
            end = time.monotonic() + 60
            while client.job(name).state is JobState.ACTIVE:
                assert time.monotonic() < end
                time.sleep(0.1)
                client.status(name)
            assert "no Airflow task has polled it" in client.job(name).reason
        # A task that returns repairs the job, and the job continues.
        KubequeJobSensor(task_id="wait", job_id=name).poke(run.context("wait", 2))
        assert state(name) is JobState.ACTIVE

    def test_one_that_is_looked_at_does_not(self, submit: Execute) -> None:
        waiter = a_waiter(long_sweep(submit))
        with Client() as client:
            client.take(waiter.job_id, waiter.token, orphan_after=3.0)
            for _ in range(10):
                time.sleep(0.5)
                client.keep(waiter.job_id, waiter.token)
                client.status(waiter.job_id)
        assert state(waiter.job_id) is JobState.ACTIVE


def test_a_paused_sweep_is_named_once_and_waited_for(
    submit: Execute, run: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    name = long_sweep(submit)
    with Client() as client:
        client.pause(name)
    capfd.readouterr()
    waiting = KubequeJobSensor(task_id="wait", job_id=name)
    trigger = KubequeSweepTrigger(**a_waiter(name).as_dict(), poke_interval=0.05, deadline=time.time() + 0.5)

    assert [waiting.poke(run.context("wait", 1)).is_done for _ in range(3)] == [False] * 3
    assert first_event(trigger)["status"] == "timeout"
    said = "".join(capfd.readouterr()) or caplog.text  # older Airflows log without printing
    assert said.count("the job is paused: `KubequeHook().get_conn().resume(") == 2, (
        "once by the sensor, once by the trigger"
    )
    assert state(name) is JobState.ACTIVE


@pytest.mark.parametrize("made", [KubequeJobSensor, KubequeSubmitOperator])
def test_a_sweep_that_would_stop_between_two_looks_is_refused_at_once(made: Any) -> None:
    fields = {"job_id": "sweep"} if made is KubequeJobSensor else {"command": ["true"], "parameters": [{"a": 1}]}
    with pytest.raises(
        ValueError, match=r"orphan_after=50 s is too short: with poke_interval=20 s .* Give at least 60 s, or None"
    ):
        made(task_id="wait", poke_interval=20.0, orphan_after=timedelta(seconds=50), **fields)
    for least in (60.0, timedelta(hours=1), None):
        assert made(task_id="wait", poke_interval=20.0, orphan_after=least, **fields).orphan_after == least
