"""The hook of the connection type `kubeque`. Operators, sensors and triggers call the library `kubeque` through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kubeque.client import Existing, Progress, TaskRow
from kubeque.model.errors import JobNotFound, ParametersError
from kubeque.model.rows.grid import sequence
from kubeque.model.rows.parameters import to_rows
from kubeque.model.rows.rows import Rows
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.text import cut, describe
from kubeque.model.user_paths import expand_home
from kubeque_provider.airflow_retries import MACHINE_ROWS, Faults, Try, find_faults
from kubeque_provider.airflow_versions import RETURN_VALUE, base_url, task_key
from kubeque_provider.hooks.connection import KubequeConnection
from kubeque_provider.hooks.metrics import count_sweep
from kubeque_provider.hooks.on_clear import OnClear, choose_existing, choose_for_run, end_pause, find_other_run
from kubeque_provider.links.sweep import SweepAddress, push_links
from kubeque_provider.log_text import describe_rerun, describe_retry, format_progress, make_failure
from kubeque_provider.naming import make_job_ids, make_pointer
from kubeque_provider.origin.addresses import describe_alternation, find_rivals, refuse_foreign
from kubeque_provider.origin.deployment import describe_problem, keep_deployment
from kubeque_provider.origin.script import digest_of, read_script
from kubeque_provider.storage_paths import is_object_path, read_object_path

__all__ = ["KubequeHook", "OnClear", "Progress", "TaskRow"]


class KubequeHook(KubequeConnection):
    """The queue, the store and the cluster of a connection, with all operations that operators and sensors need.

    If the connection `kubeque_default` does not exist, the `.kubeque` file applies. Without this file, the queue of
    this machine is used.
    """

    def identify(self) -> str:
        """Return the identity of this Airflow for a submission.

        Store the identity in an Airflow Variable if it is not stored yet.

        Log a warning if it cannot be stored, or if another Airflow submits with the same identity.
        """
        if named := (self._read_extra() or {}).get("deployment"):
            return named
        deployment, problem = keep_deployment()
        if problem:
            self.log.warning("%s", describe_problem(problem, deployment, self.kubeque_conn_id))
        elif deployment != base_url() and (rivals := find_rivals(self.get_conn(), deployment)):
            self.log.warning("%s", describe_alternation(rivals, deployment))
        return deployment

    def find_name(self, deployment: str, key: tuple[str, str, str, int], *, tried: bool) -> str:
        """Return the job name of an Airflow task: the name of its existing job; without such a job, a generated name.

        The existing job can have a longer name, which kubeque generated before version 0.3. If an earlier try submitted
        the job, its name can also come from the address of this Airflow. The identity was then unreadable or not yet
        chosen.

        `deployment`: identity of this Airflow. `key`: DAG id, run id, task id and map index. `tried`: True if an
        earlier try may have submitted the job.
        """
        before, name = make_job_ids(deployment, *key)
        elsewhere = make_job_ids(base_url(), *key) if tried else ()
        exists = self.get_conn().exists
        candidates = dict.fromkeys((before, name, *elsewhere))
        return next((candidate for candidate in candidates if exists(candidate)), name)

    def rows(
        self, parameters: Any, *, base: Path, missing: str | None = None, columns: Sequence[str] | None = None,
        function: bool = False,
    ) -> Rows:  # fmt: skip
        """Return the rows of the argument `parameters`. Raises ParametersError if they cannot be read or are not valid.

        `base`: folder where relative paths start. `missing`, `columns`, `function`: see `from_records`.
        """
        if parameters is None:
            return sequence(1)
        if is_object_path(parameters):
            return read_object_path(parameters)
        if isinstance(parameters, str | Path):
            text = str(parameters)
            if text.lstrip().startswith(("[", "{")) or text in ("", "None"):
                raise ParametersError(
                    f"parameters: {cut(text, 60)!r} is a rendered value, not the path of a CSV file: pass the output of"
                    " the upstream task (task.output), or set render_template_as_native_obj=True on the DAG"
                )
            if columns is not None:
                raise ParametersError(
                    f"columns {describe(columns)} cannot name the columns of a CSV file, which has a header: leave"
                    " columns out"
                )
            return self.get_conn().rows(text if "://" in text else str(base / expand_home(text)))
        return to_rows(parameters, missing=missing, columns=columns, function=function)

    def submit(
        self, name: str, make: Callable[[], Sweep], on_clear: OnClear, this_try: Try, *,
        origin: Mapping[str, str] | None = None, retry_failed_rows: bool = False,
    ) -> Progress:  # fmt: skip
        """Submit the job `name`, and return its progress.

        An existing job is adopted, repaired or replaced (see `on_clear`).

        Raises UserError if the sweep cannot be submitted. `make`: function that builds the sweep; it is called only if
        the sweep is needed. `origin`: origin of the Airflow task if the DAG gives the job's name; None for a generated
        name. `retry_failed_rows`: True if a retry by Airflow submits failed rows again, as a clear does.
        """
        client = self.get_conn()
        refuse_foreign(client, name)
        try:
            before = client.reconcile(name)
        except JobNotFound:
            self.check_consumers()
            made = client.submit(self.job_log.advise(client, make()))
            self.job_log.submitted(client, made)
            return client.reconcile(name)
        fresh = this_try.is_fresh(before.job.token)
        run = find_other_run(client, before.job, on_clear, make, origin)
        existing = choose_existing(before.job, on_clear, fresh=fresh, retry_failed_rows=retry_failed_rows)
        existing = choose_for_run(client, before.job, on_clear) if run else existing
        if existing is None:
            before = end_pause(client, before, fresh=fresh)
            self.log.info(
                "the job %s already exists (%s): ended rows do not run again", name, format_progress(before.counts)
            )
            return before
        return self._resubmit(before, make(), existing, run)

    def _resubmit(self, before: Progress, sweep: Sweep, existing: Existing, run: str) -> Progress:
        """Submit a sweep under the name of an ended job, and return the progress.

        `run`: the other DAG run that submitted the job; empty if there is none.
        """
        client = self.get_conn()
        self.check_consumers()
        script = read_script(client, before.job)
        origin = {**sweep.origin, "script_before": digest_of(script or {})} if sweep.origin else sweep.origin
        sweep = replace(self.job_log.advise(client, sweep), origin=origin)
        made = client.submit(sweep, existing=existing, count_kept=True)
        self.job_log.notes(made)
        client.take(before.job.name, "")  # clear the token: no try has waited for the new run yet
        progress = client.reconcile(before.job.name)
        self.job_log.resubmitted(client, before, progress, made, script, run=run)
        return progress

    def begin_wait(
        self, name: str, this_try: Try, *, orphan_after: float | None = None,
        retries: Mapping[str, int] | None = None, retry_failed_rows: bool = False, keep_failed_rows: bool = False,
    ) -> Progress:  # fmt: skip
        """Store the wait token of this try in a job, run failed rows again if necessary, and return the progress.

        Rows run again if the job failed and an earlier try has already waited for it. After a clear, or with
        `retry_failed_rows`, all failed and killed rows run again. In a retry by Airflow, rows that failed by `exit`,
        `signal` or `timeout`, or that a user killed, do not run again.

        `orphan_after`: seconds without a poll after which the job stops; None means never. `retries`: number of extra
        attempts, by cause. `keep_failed_rows`: True to run no row after a clear. Raises JobNotFound.
        """
        client = self.get_conn()
        refuse_foreign(client, name)
        before = client.take(name, this_try.token, orphan_after=orphan_after, retries=retries)
        progress = client.reconcile(name)
        job = progress.job
        seen = this_try.number > 1 and before not in ("", this_try.token)
        if not seen or job.open or (job.closing and job.closing.success):
            return progress
        if keep_failed_rows and this_try.is_fresh(before):
            self.log.info("%s: failed rows do not run again, because of on_clear='skip'", name)
            return progress
        if retry_failed_rows or this_try.is_fresh(before):
            self.log.info("%s", describe_rerun(progress, this_try, cleared=this_try.is_fresh(before)))
            return client.reset(name)
        faults = self._find_faults(progress)
        self.log.info("%s", describe_retry(name, faults))
        return progress if faults.only_own else client.reset(name, MACHINE_ROWS)

    def claim(self, name: str, this_try: Try, origin: Mapping[str, str]) -> None:
        """Store the wait token of this try in a job that this try submitted or adopted, but has not polled yet.

        If the job is missing, or belongs to another Airflow task or to a later try, do nothing. `origin`: origin of the
        Airflow task.
        """
        client = self.get_conn()
        try:
            job = client.job(name)
        except JobNotFound:
            return
        own = all(job.origin.get(key) == value for key, value in origin.items())
        if own and this_try.may_claim(job.token, job.origin.get("try", "")):
            client.take(name, this_try.token)

    def _find_faults(self, progress: Progress) -> Faults:
        causes = self.get_conn().reader.failures(progress.job, progress.counts).causes
        return find_faults(progress.job, progress.counts, causes)

    def poll(self, name: str, token: str) -> Progress:
        """Record that this try still waits for a job, start missing consumers, and return the progress.

        Raises JobNotFound. `token`: wait token of this try.
        """
        self.get_conn().keep(name, token)
        return self.get_conn().reconcile(name)

    def deliver(
        self, progress: Progress, *, retry_failed_rows: bool, retries: int = 0, folders: Sequence[Path] = ()
    ) -> dict[str, Any]:
        """Return the pointer to an ended job. Record in the job that its results were delivered to Airflow.

        Raises SweepFailed if the job is not a success; its message lists the failed rows. Raises RowsFailed instead if
        a retry by Airflow would run no row, so that Airflow does not retry.

        `folders`: folder of the DAG file first, then other folders with modules that the rows' script can import.
        `retries`: number of retries of the Airflow task.
        """
        client, job = self.get_conn(), progress.job
        self.job_log.ended(client, job)
        self.job_log.failures(client, progress)
        count_sweep(job)
        if job.closing is None or not job.closing.success:
            final = not retry_failed_rows and self._find_faults(progress).only_own
            groups = client.reader.failures(job, progress.counts).groups
            messages = [group.message for group in groups]
            unsent = client.unsent_module(job, messages, folders=folders[1:], base=folders[0]) if folders else ""
            raise make_failure(
                progress, client.lines(job.name, state="failed"), groups, final=final, retries=retries, unsent=unsent
            )
        client.mark_delivered(job)
        return self.pointer(progress)

    def pointer(self, progress: Progress) -> dict[str, Any]:
        """Return the pointer to the job, for XCom."""
        job = progress.job
        return make_pointer(job.name, self.kubeque_conn_id, job.url, progress.counts.to_wire())

    def push_links(self, context: Any, progress: Progress) -> None:
        """Push the links to the sweep, and the pointer to its job, to XCom.

        They are kept there even if this Airflow task fails.
        """
        dag_id, run_id, _, _ = task_key(context)
        job = progress.job
        push_links(context, SweepAddress(job.name, self.kubeque_conn_id, dag_id, run_id), job.url)
        context["ti"].xcom_push(key=RETURN_VALUE, value=self.pointer(progress))
