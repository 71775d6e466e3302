"""Submit a sweep: one Airflow task, however many rows."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from kubeque.model.command.command import Word
from kubeque.model.errors import ParametersError
from kubeque.model.sweep.sweep import Sweep
from kubeque_provider.airflow_versions import (
    AirflowTaskTimeout,
    BaseOperator,
    dag_folder,
    default_deferrable,
    is_fresh_try,
    task_key,
)
from kubeque_provider.assets import write_asset_events
from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.kubeque import KubequeHook, OnClear
from kubeque_provider.links.sweep import SWEEP_LINKS
from kubeque_provider.naming import DEFAULT_CONNECTION, make_job_id, make_origin, make_series
from kubeque_provider.templating import format_word, read_word, render_push, render_rows
from kubeque_provider.waiter import Waiter
from kubeque_provider.waiting import ORPHAN_AFTER, WaitsForSweep, check_orphan_after

#: Templated fields that this operator renders itself.
_OWN = ("command", "parameters", "push")


class KubequeSubmitOperator(WaitsForSweep, BaseOperator):
    """Run `command` for every row of `parameters`, as the tasks of one job.

    In `command`, `{column}` takes the row's value, `^file` brings a file along and `\\{` is a brace. These are read
    before Jinja runs: what Jinja inserts is data. Relative paths start at the folder of the DAG file.

    Returns the pointer {job_id, conn_id, results, counts}; the XCom `job_id` is the name alone.
    """

    template_fields: Sequence[str] = (
        "command", "parameters", "push", "job_id", "cpu", "memory", "max_memory", "disk", "image", "env", "results",
        "ignore", "series", "kubeque_conn_id",
    )  # fmt: skip
    #: Empty: a value that ends in .csv is not the name of a template file.
    template_ext: Sequence[str] = ()
    template_fields_renderers = {"command": "json", "parameters": "json", "env": "json"}  # noqa: RUF012
    operator_extra_links = SWEEP_LINKS
    ui_color = "#d7e8f7"

    def __init__(
        self,
        *,
        command: Sequence[Any],
        parameters: Any = None,
        job_id: str | None = None,
        cpu: str | float | None = None,
        memory: str | int | None = None,
        max_memory: str | int | None = None,
        disk: str | int | None = None,
        image: str | None = None,
        env: Mapping[str, str] | None = None,
        cluster: str | None = None,
        env_from_secret: Sequence[str] | None = None,
        gpu: int | None = None,
        volumes: Sequence[str] | None = None,
        service_account: str | None = None,
        node_selector: Mapping[str, str] | None = None,
        tolerations: Sequence[str | Mapping[str, Any]] | None = None,
        spot: bool | None = None,
        spot_patience: str | float | None = None,
        priority_class: str | None = None,
        kueue_queue: str | None = None,
        kueue_priority: str | None = None,
        image_pull_secrets: Sequence[str] | None = None,
        keeper: str | None = None,
        start_timeout: str | float | None = None,
        pod_template: Mapping[str, Any] | None = None,
        push: Sequence[str] = (),
        results: Sequence[str] = (),
        ignore: Sequence[str] = (),
        consumers: int | None = None,
        priority: int = 0,
        task_timeout: str | float | None = None,
        retry_causes: Mapping[str, int] | None = None,
        max_failures: int | None = None,
        allow_failed: str | int = 0,
        shell: bool = False,
        missing: str | None = None,
        series: str | None = None,
        skip_done: bool = False,
        results_ttl: str | float | None = None,
        wait: bool = False,
        deferrable: bool = default_deferrable(),
        poke_interval: float = 5.0,
        cancel_on_kill: bool = True,
        orphan_after: timedelta | float | None = ORPHAN_AFTER,
        on_clear: OnClear = "auto",
        kubeque_conn_id: str = DEFAULT_CONNECTION,
        **kwargs: Any,
    ) -> None:
        """`parameters`: path or URL of a CSV file, list of dicts, DataFrame, grid(...), sequence(n), or an upstream's
        output; None is one row. `missing`: the text for None and NaN. `retry_causes`: extra attempts by cause.
        `allow_failed`: so many rows may fail, a count or a share as in `1%`. `wait`: return when the job has ended;
        it is asked every `poke_interval` seconds, with `deferrable` in the triggerer. `cluster`: where consumers run,
        as in `kubernetes://CONTEXT/NAMESPACE`; what there is to say about pods stands in docs/howto/kubernetes.md.

        `skip_done`: rows that were ok in the `series` already, with the same command, inputs, image and values, are
        linked and do not run again; the series is this Airflow task of this DAG unless one is named. `results_ttl`: how
        long after its end `kubeque gc` leaves the job alone, as in `30d`.

        Of use with `wait` only: `cancel_on_kill`: where this Airflow task is ended for good (marked, deleted, out of
        time), its sweep is too. Where Airflow tells nobody of that, the sweep stops once nobody has looked for
        `orphan_after`; None: never.

        `on_clear`, what runs where a try meets the ended job of an earlier one: `auto` (failed rows; all of them if the
        job was a success that a waiter has returned), `failed_rows`, `changed`, `all`, `skip`.
        """
        super().__init__(**kwargs)
        self.command = command
        self.parameters = parameters
        self.job_id = job_id
        self.cpu = cpu
        self.memory = memory
        self.max_memory = max_memory
        self.disk = disk
        self.image = image
        self.env = env
        self.cluster = cluster
        #: What is said of pods, as a sweep has it.
        self.pod = {
            "env_from_secret": env_from_secret, "gpu": gpu, "volumes": volumes, "service_account": service_account,
            "node_selector": node_selector, "tolerations": tolerations, "spot": spot,
            "spot_patience": spot_patience, "kueue_priority": kueue_priority,
            "priority_class": priority_class, "kueue_queue": kueue_queue, "image_pull_secrets": image_pull_secrets,
            "keeper": keeper, "start_timeout": start_timeout, "pod_template": pod_template,
        }  # fmt: skip
        self.push = push
        self.results = results
        self.ignore = ignore
        self.consumers = consumers
        self.priority = priority
        self.task_timeout = task_timeout
        self.retry_causes = retry_causes
        self.max_failures = max_failures
        self.allow_failed = allow_failed
        self.shell = shell
        self.missing = missing
        self.series = series
        self.skip_done = skip_done
        self.results_ttl = results_ttl
        self.wait = wait
        self.deferrable = deferrable
        self.poke_interval = poke_interval
        self.cancel_on_kill = cancel_on_kill
        self.orphan_after = check_orphan_after(orphan_after, self.poke_interval)
        self.on_clear = on_clear
        self.kubeque_conn_id = kubeque_conn_id
        #: The command as it was read while templates were rendered.
        self._words: tuple[str | Word, ...] | None = None

    @cached_property
    def hook(self) -> KubequeHook:
        return KubequeHook(self.kubeque_conn_id, cluster=self.cluster)

    def execute(self, context: Any) -> dict[str, Any]:
        """Submit the sweep, or adopt the job of an earlier try, and wait with `wait`. Raises BadSweep, SweepFailed."""
        try:
            with permanent():
                key = task_key(context)
                name = self.job_id or make_job_id(self.hook.deployment, *key)
                context["ti"].xcom_push(key="job_id", value=name)
                series = self.series or (make_series(self.hook.deployment, key[0], key[2]) if self.skip_done else "")
                origin = make_origin(self.hook.deployment, *key)
                progress = self.hook.submit(
                    name, lambda: replace(self._sweep(name, series), origin=origin), self.on_clear,
                    origin=origin if self.job_id else None, fresh=is_fresh_try(context),
                )  # fmt: skip
            self.hook.push_links(context, progress.job)
            if not self.wait:
                return write_asset_events(self, context, self.hook.pointer(progress))
            waiter = Waiter.from_context(context, name, self.kubeque_conn_id, cancel_on_kill=self.cancel_on_kill)
            return write_asset_events(self, context, self._wait(waiter))
        finally:
            self.hook.close()

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> dict[str, Any]:
        """Handle the trigger's event. Raises SweepFailed, BadSweep, AirflowTaskTimeout."""
        name = self.job_id or make_job_id(self.hook.deployment, *task_key(context))
        waiter = Waiter.from_context(context, name, self.kubeque_conn_id, cancel_on_kill=self.cancel_on_kill)
        return write_asset_events(self, context, self._handle_event(waiter, event))

    def _sweep(self, name: str, series: str) -> Sweep:
        base = Path(dag_folder(self))
        return Sweep(
            command=self.command if self._words is None else self._words, name=name, base=base,
            rows=self.hook.rows(self.parameters, base=base, missing=self.missing), push=tuple(self.push),
            shell=self.shell, results=tuple(self.results), ignore=tuple(self.ignore), env=dict(self.env or {}),
            image=self.image, cpu=self.cpu, memory=self.memory, max_memory=self.max_memory, disk=self.disk,
            consumers=self.consumers, priority=self.priority, task_timeout=self.task_timeout,
            retries=dict(self.retry_causes or {}), max_failures=self.max_failures, allow_failed=self.allow_failed,
            series=series, skip_done=self.skip_done, results_ttl=self.results_ttl,
            pod={key: value for key, value in self.pod.items() if value is not None},
        )  # fmt: skip

    def _wait(self, waiter: Waiter) -> dict[str, Any]:
        self._hook = self.hook
        try:
            while (progress := self._poll(waiter)) is None or progress.job.closing is None:
                if self.deferrable:
                    self._defer(waiter)
                if progress is not None:
                    self.hook.log_progress(progress)
                time.sleep(self.poke_interval)
        except AirflowTaskTimeout:
            if self.cancel_on_kill:
                waiter.cancel()
            raise
        self.hook.log_progress(progress)
        return self.hook.deliver(progress)

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Any,
        jinja_env: Any,
        seen_oids: set[int],
        **more: Any,
    ) -> None:
        """Render the fields. Unlike the public method, Airflow calls this for mapped tasks too."""
        own = _OWN if parent is self else ()
        others = [field for field in template_fields if field not in own]
        super()._do_render_template_fields(parent, others, context, jinja_env, seen_oids, **more)
        if not own:
            return

        def render(value: Any) -> Any:
            return self.render_template(value, context, jinja_env)

        with permanent():
            self._render_command(jinja_env, render, mapped=id(self.command) in seen_oids)
            if isinstance(self.push, list | tuple):
                self.push = [render_push(text, render) for text in self.push]
            if id(self.parameters) not in seen_oids:
                self._render_parameters(render)

    def _render_command(self, env: Any, render: Any, *, mapped: bool) -> None:
        if callable(getattr(self.command, "resolve", None)):
            self.command = [Word((str(word),)) for word in render(self.command)]  # values of an upstream task are data
        if isinstance(self.command, str):
            return  # Sweep raises the error for a command that is one text

        def read(word: Any) -> Word:
            if isinstance(word, Word):
                return word
            if not isinstance(word, str):
                return Word((str(render(word)),))
            return read_word(word, env, (lambda text: text) if mapped else render)

        self._words = tuple(read(word) for word in self.command)
        self.command = [format_word(word) for word in self._words]

    def _render_parameters(self, render: Any) -> None:
        if callable(getattr(self.parameters, "resolve", None)):
            upstream, self.parameters = self.parameters, render(self.parameters)
            if self.parameters is None:
                raise ParametersError(f"parameters: {upstream} is None: let that Airflow task return a list of dicts")
        elif isinstance(self.parameters, str):
            self.parameters = render(self.parameters)
        elif isinstance(self.parameters, list | tuple):
            self.parameters = render_rows(self.parameters, render, render)
