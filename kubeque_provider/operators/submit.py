"""Operator that submits a sweep: one Airflow task for any number of rows."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from kubeque.model.errors import NoRows
from kubeque.model.sweep.jobspec import sweep_fields
from kubeque.model.sweep.options import OPTIONS
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.sweep.sweep_fields import convert_option
from kubeque_provider.airflow_versions import (
    AirflowTaskTimeout,
    dag_folder,
    default_deferrable,
    is_mapped,
    own_xcom,
    task_key,
    try_number,
)
from kubeque_provider.arguments import check_arguments, check_keywords
from kubeque_provider.assets import write_asset_events
from kubeque_provider.downstream import SUBMITS, find_settled, has_reader, has_release, has_sensor
from kubeque_provider.empty_sweep import OnEmpty, end_without_rows
from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.kubeque import KubequeHook, OnClear
from kubeque_provider.hooks.lineage import DataItem, HasLineage, input_files
from kubeque_provider.links.sweep import SWEEP_LINKS
from kubeque_provider.log_text import CANARIES
from kubeque_provider.naming import DEFAULT_CONNECTION, make_origin, make_series
from kubeque_provider.operators.submit_templates import RendersSweep
from kubeque_provider.operators.sweep_arguments import SweepArgumentsOperator
from kubeque_provider.origin.addresses import describe_submission
from kubeque_provider.origin.script import bundle_of, digest_of, pull_script, push_script
from kubeque_provider.parsing.checks import check_parsed
from kubeque_provider.parsing.rows import are_long_and_plain
from kubeque_provider.parsing.sweeps import check_sweep
from kubeque_provider.waiter import Waiter
from kubeque_provider.waiting import ORPHAN_AFTER, WaitsForSweep, check_orphan_after, check_wait, find_given, to_seconds


class KubequeSubmitOperator(HasLineage, WaitsForSweep, RendersSweep, SweepArgumentsOperator):
    """Run `command` for every row of `parameters`, as the tasks of one job.

    In `command`, `{column}` inserts a value of the row, `^file` uploads a file and `\\{` is a brace. kubeque parses
    these before Jinja runs, so it never parses a text that Jinja inserts. Relative paths start at the folder of the DAG
    file.

    Returns the pointer {job_id, conn_id, results, counts}. The XCom `job_id` is only the name of the job.
    """

    template_fields: Sequence[str] = (
        "command", "parameters", "job_id", *SweepArgumentsOperator.template_fields, "kubeque_conn_id",
    )  # fmt: skip
    #: Empty, because a value that ends in .csv is not the name of a template file.
    template_ext: Sequence[str] = ()
    template_fields_renderers = {"command": "json", "parameters": "json", "env": "json"}  # noqa: RUF012
    operator_extra_links = SWEEP_LINKS
    ui_color = "#d7e8f7"
    sweep_role = SUBMITS
    #: True if a Python function gets the rows, so that their values can be None, lists and dicts.
    calls_function = False

    def __init__(
        self,
        *,
        command: Sequence[Any],
        parameters: Any = None,
        job_id: str | None = None,
        missing: str | None = None,
        columns: Sequence[str] | None = None,
        canaries: int | None = None,
        render_rows: bool | None = None,
        wait: bool | None = None,
        deferrable: bool | None = None,
        poke_interval: timedelta | float | None = None,
        cancel_on_kill: bool | None = None,
        orphan_after: timedelta | float | None = ORPHAN_AFTER,
        on_clear: OnClear = "auto",
        on_empty: OnEmpty | None = None,
        retry_failed_rows: bool = False,
        kubeque_conn_id: str = DEFAULT_CONNECTION,
        **kwargs: Any,
    ) -> None:
        """Take the arguments of a sweep (see docs/operators.md), and these:

        `command`: Words of the command.
        `parameters`: Rows: path or URL of a CSV file, list of dicts, DataFrame, `grid(...)`, `sequence(n)`, or the
        output of an upstream task. None: one row without columns. If the DAG file contains more than 100 rows, Airflow
        does not show them in its rendered templates. For 100,000 rows, that would take seconds.
        `job_id`: Name of the job. None: a name made of deployment, DAG, run and Airflow task.
        `missing`: Text that replaces None and NaN in `parameters`.
        `columns`: Names of the columns if the rows of `parameters` are lists or tuples, such as SQL operators return.
        `canaries`: Number of rows that run first. The other rows are held until a KubequeGoOperator or `kubeque go`
        releases them. If a KubequeGoOperator or a KubequeJobSensor is downstream, this task returns when the canaries
        have ended. The XCom `estimate` is a text with the outcomes of the canaries, and with the time and memory that
        the other rows need.
        `render_rows`: True to render templates in cells of rows that the DAG file contains. False to pass such cells
        unchanged. None: a cell with `{{` or `{%` is an error.
        `wait`: Wait until the job has ended. None: True unless a KubequeJobSensor downstream waits for the job.
        `deferrable`: Wait in the triggerer. If `deferrable=True` is written in the operator's own call (not in
        `default_args`), the task always waits.
        `poke_interval`: Seconds between two polls of the job while this task waits (default: 5).
        `cancel_on_kill`: Cancel the sweep if this Airflow task ends for good before it returns (default: True). The
        task ends for good if it is marked as success or failed, is deleted, or exceeds `execution_timeout`.
        `orphan_after`: Stop the sweep if this task waits for it, but has not polled it for this time. This limit is for
        cases in which Airflow does not call `on_kill`. None: never.
        `on_clear`: Rows to run if a try finds the ended job of an earlier try. `failed_rows` runs the rows that are not
        ok. `changed` runs these rows, and rows whose command, inputs or values changed. `all` runs all rows. `skip`
        runs no row, so a failed job fails this Airflow task again. `auto` runs the rows that are not ok; if the job was
        a success and an Airflow task has already returned its result, `auto` runs all rows. With a fixed `job_id`, the
        job can belong to another DAG run. In that case, `skip` fails this Airflow task if its sweep differs from the
        sweep of that job. Each other value also runs all rows that differ.
        `retry_failed_rows`: A retry by Airflow also reruns the rows that failed with the cause exit, signal or timeout.
        `on_empty`: State of this Airflow task if `parameters` has no row: `skip`, `fail` or `success`. With `success`,
        the task returns a pointer without a job. None: `skip` for rows from upstream or from a template, otherwise
        `fail`.
        `kubeque_conn_id`: Connection of the type kubeque.
        """
        check_keywords(self, kwargs)
        super().__init__(**kwargs)
        self.command = command
        self.parameters = parameters
        self.job_id = job_id
        self.missing = missing
        self.columns = columns
        self.canaries = canaries
        self.render_rows = render_rows
        waiting = {"poke_interval": poke_interval, "cancel_on_kill": cancel_on_kill, "deferrable": deferrable}
        own: dict[str, Any] = {name: value for name, value in waiting.items() if value is not None}
        own |= {} if orphan_after is ORPHAN_AFTER else {"orphan_after": orphan_after}
        own |= {"retry_failed_rows": True} if retry_failed_rows else {}
        #: Names of the arguments about waiting that this operator's own call sets. Arguments from `default_args` are
        #: left out, because they can be for other operators.
        self._given = find_given(own, kwargs.get("default_args"))
        self.wait = check_wait(wait, deferrable="deferrable" in self._given and bool(deferrable))
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        seconds: Any = 5.0 if poke_interval is None else to_seconds(poke_interval)
        self.poke_interval = seconds
        self.cancel_on_kill = cancel_on_kill is None or cancel_on_kill
        self.orphan_after = check_orphan_after(orphan_after, seconds)
        self.on_clear = on_clear
        self.on_empty = on_empty
        self.retry_failed_rows = retry_failed_rows
        self.kubeque_conn_id = kubeque_conn_id
        if not render_rows and not is_mapped(self) and are_long_and_plain(parameters):
            self.template_fields = tuple(field for field in self.template_fields if field != "parameters")
        if not self.calls_function:
            check_parsed(self)

    def _hand_over(self, context: Any, pointer: dict[str, Any]) -> dict[str, Any]:
        """Return the pointer unchanged. Add it to asset events, and record the lineage for OpenLineage."""
        read = input_files(self.parameters, self._words or (), self.push or (), Path(dag_folder(self)))
        self.record_lineage(read, [DataItem(pointer["results"])] if pointer["results"] else [])
        return write_asset_events(self, context, pointer)

    @classmethod
    def check_whole(cls, values: Mapping[str, Any], dag: Any, params: Collection[str]) -> None:
        """Raise UserError if the sweep can never run. `values`: arguments, keyed by name."""
        check_sweep(cls, values, dag, params)

    @cached_property
    def hook(self) -> KubequeHook:
        return KubequeHook(self.kubeque_conn_id, cluster=self.cluster)

    def execute(self, context: Any) -> dict[str, Any]:
        """Submit the sweep, or adopt the job of an earlier try. Wait for the job if `_waits` is True.

        Return the pointer.

        Raises BadSweep or SweepFailed. Raises AirflowSkipException if there are no rows and `on_empty` is "skip".
        """
        try:
            with permanent(NoRows):
                check_arguments(self)
                key = task_key(context)
                deployment = self.hook.identify()
                name = self.job_id or self.hook.find_name(deployment, key, tried=try_number(context) > 1)
                context["ti"].xcom_push(key="job_id", value=name)
                waiter = Waiter.from_context(context, name, self.kubeque_conn_id, cancel_on_kill=self.cancel_on_kill)
                series = self.series or (make_series(deployment, key[0], key[2]) if self.skip_done else "")
                previous = pull_script(context)
                self._waiter, self._origin = waiter, make_origin(deployment, *key)
                origin = self._origin | describe_submission(try_number(context)) | bundle_of(context)
                origin["script_before"] = digest_of(previous or {})
                progress = self.hook.submit(
                    name, lambda: replace(self._sweep(name, series), origin=origin), self.on_clear, waiter.this_try,
                    origin=origin if self.job_id else None, retry_failed_rows=self.retry_failed_rows,
                )  # fmt: skip
            push_script(context, self.hook.job_log.script(self.hook.get_conn(), progress.job, previous))
            self.hook.push_links(context, progress)
            settled = self._find_settled(context)
            if not (self._waits() or settled or self.canaries):
                self._log_not_waiting(name)
                self.hook.job_log.progress(self.hook.get_conn(), progress)
                return self._hand_over(context, self.hook.pointer(progress))
            return self._hand_over(context, self._wait(waiter, context))
        except NoRows as error:
            return self._end_without_rows(context, error)
        except AirflowTaskTimeout:
            self._end_at_timeout()
            raise
        finally:
            self.hook.close()

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the pointer to the job after an event of the trigger.

        Raises SweepFailed, BadSweep or AirflowTaskTimeout.
        """
        with permanent():
            name = self.job_id or own_xcom(context, "job_id")
            name = name or self.hook.find_name(self.hook.deployment, task_key(context), tried=True)
            if event["status"] == "timeout":
                self._origin = make_origin(self.hook.identify(), *task_key(context))
        waiter = Waiter.from_context(context, name, self.kubeque_conn_id, cancel_on_kill=self.cancel_on_kill)
        return self._hand_over(context, self._handle_event(waiter, event, context))

    def _waits(self) -> bool:
        """True if this task waits for its job.

        If neither `wait` nor `deferrable` decides, the task waits unless a sensor downstream waits for the job.
        """
        if self.wait is not None:
            return self.wait
        return (self.deferrable and "deferrable" in self._given) or not has_sensor(self)

    def _find_settled(self, context: Any) -> list[str]:
        """Return the ids of downstream tasks that an earlier try has left in a final state, and warn of them.

        If Airflow cannot report the states, warn and return an empty list.
        """
        try:
            settled = find_settled(self, context)
        except Exception as error:  # an error of Airflow: without the states, the sweep runs as usual
            self.log.warning(
                "the states of the Airflow tasks downstream cannot be read (%s): to run these tasks again, clear this"
                " Airflow task with Downstream", type(error).__name__,
            )  # fmt: skip
            return []
        if settled:
            self.log.warning(
                "Airflow tasks downstream have already ended in this DAG run and do not run again: %s. This Airflow"
                " task waits for its sweep. After a success, clear those Airflow tasks with Downstream to use the new"
                " results; a clear of this Airflow task would run all rows again",
                ", ".join(settled),
            )  # fmt: skip
        return settled

    def _log_not_waiting(self, name: str) -> None:
        """Warn if no Airflow task waits for the job or reads its results.

        Also warn of arguments that have no effect, because this task does not wait.
        """
        if unused := [argument for argument in self._given if argument != "deferrable"]:
            self.log.warning(
                "arguments without effect, because this Airflow task does not wait for its job: %s. Give these"
                " arguments to the KubequeJobSensor",
                ", ".join(unused),
            )
        if not (has_sensor(self) or has_reader(self)):
            self.log.warning(
                "wait=False, and no Airflow task downstream waits for %s or reads its results: if rows fail, no Airflow"
                " task fails. Put a KubequeJobSensor downstream, or leave wait out", name,
            )  # fmt: skip

    def _end_without_rows(self, context: Any, error: NoRows) -> dict[str, Any]:
        with permanent():
            pointer = end_without_rows(error, self.on_empty, self.kubeque_conn_id, known_at_parse=self._rows_known)
        self.log.info("%s", error)
        context["ti"].xcom_push(key="job_id", value=None)
        return self._hand_over(context, pointer)

    def _sweep(self, name: str, series: str) -> Sweep:
        base = Path(dag_folder(self))
        given = [(option, getattr(self, option.name)) for option in OPTIONS if option.operator]
        options = {option.name: convert_option(option, value) for option, value in given if value is not None}
        return Sweep(
            command=self.command if self._words is None else self._words, name=name, base=base,
            rows=self.hook.rows(
                self.parameters, base=base, missing=self.missing, columns=self.columns, function=self.calls_function
            ),
            canaries=self.canaries, **sweep_fields(options) | {"series": series},
        )  # fmt: skip

    @property
    def _until(self) -> str:
        """Event that ends the wait. It is CANARIES if Airflow tasks downstream handle the held rows.

        It is empty if the wait ends with the job.
        """
        return CANARIES if self.canaries and (has_release(self) or not self._waits()) else ""

    def _wait_options(self) -> dict[str, Any]:
        # A triggerer with an earlier version of kubeque does not know `keep_failed_rows`.
        return super()._wait_options() | ({"keep_failed_rows": True} if self.on_clear == "skip" else {})

    def _wait(self, waiter: Waiter, context: Any) -> dict[str, Any]:
        self._hook = self.hook
        while (progress := self._poll(waiter)) is None or not self._is_over(progress):
            if self.deferrable:
                self._defer(waiter)
            if progress is not None:
                self.hook.job_log.progress(self.hook.get_conn(), progress)
            time.sleep(self.poke_interval)
        self.hook.job_log.progress(self.hook.get_conn(), progress)
        return self._finish(waiter, progress, context)
