"""The messages that an Airflow task logs about its job: submission, script and progress."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from kubeque.client import Client, Progress, Submitted
from kubeque.model.errors import StorageError
from kubeque.model.job.job import Job
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.wording import speaking
from kubeque_provider.hooks.failure_output import failure_output
from kubeque_provider.hooks.progress_log import ProgressLog, write_lines
from kubeque_provider.log_text import describe_accepted, format_progress
from kubeque_provider.origin.script import Files, describe_script, log_rerun, read_script
from kubeque_provider.wording import AIRFLOW


class JobLog:
    """Logger of one Airflow task for lines about its job.

    It logs progress at most once in the time `log_interval` of Airflow's configuration (default: 60 seconds).
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._progress = ProgressLog()
        self._script_logged = False

    def advise(self, client: Client, sweep: Sweep) -> Sweep:
        """Log likely mistakes in a sweep as warnings, and return the sweep.

        Raises UserError if the sweep can never run.
        """
        for note in client.advice(sweep):
            self._log.warning("%s", note)
        return sweep

    def submitted(self, client: Client, made: Submitted) -> None:
        """Log the submission of a new job, with its notes and warnings. `made`: the submission."""
        job = made.job
        done = f", {job.linked} of them linked to earlier jobs of the series" if job.linked else ""
        self._log.info("submitted %s: %d rows%s, results below %s", job.name, job.n, done, job.url)
        self.notes(made)
        if made.note:
            self._log.warning("%s: no row is linked: %s", job.name, made.note)
        for warning in client.version_warnings(job):
            self._log.warning("%s", warning)

    def notes(self, made: Submitted) -> None:
        """Log the notes of a submission as warnings."""
        for note in made.notes:
            self._log.warning("%s: %s", made.job.name, note)

    def resubmitted(
        self, client: Client, before: Progress, now: Progress, made: Submitted, script: Files | None, *, run: str = ""
    ) -> None:
        """Log how many rows run again after a submission under the name of an existing job.

        `before`, `now`: progress of the job before and after the submission. `made`: the submission, with its effect on
        the rows. `script`: digests of the files of the previous run; None if unknown. `run`: the other DAG run that
        submitted the job before; empty if there is none.
        """
        after = now.job
        kept = made.effect.kept if made.effect and after.uid == before.job.uid else after.linked
        same = "" if after.revision == before.job.revision else f" under revision {after.revision}"
        made_by = f" in the DAG run {run}" if run else ""
        which = "equal rows" if run else "ok rows"
        self._log.info(
            "%s ended earlier%s with %s: %d %s of revision %d are kept, %d rows run again%s",
            after.name, made_by, format_progress(before.counts), kept, which, before.job.revision, after.n - kept, same,
        )  # fmt: skip
        if run:
            self._log.warning(
                "%s: job_id is the same in each DAG run, so this run replaces the job of the run %s. Leave job_id out,"
                " or write {{ ds }} in job_id, so that each DAG run has a separate job", after.name, run,
            )  # fmt: skip
        self._script_logged = log_rerun(self._log, client, after, after.n - kept, script)

    def script(self, client: Client, job: Job, before: Files | None) -> Files | None:
        """Log the files that a job's tasks get, and return their digests; None if unknown.

        `before`: digests of the files of the previous run; None if unknown.
        """
        files = read_script(client, job)
        line = describe_script(files or {}, job.origin, before)
        if line and not self._script_logged:
            self._log.info("%s: %s", job.name, line)
        return files

    def progress(self, client: Client, progress: Progress) -> None:
        """Log the counts and the obstacles of a job if they have changed, but not more often than `log_interval`."""
        write_lines(self._log, self._progress.read(client, progress))

    def no_answer(self, error: Exception) -> None:
        """Log that the queue, the store or the cluster did not answer a poll, at most once per `log_interval`."""
        write_lines(self._log, self._progress.no_answer(error))

    def failures(self, client: Client, progress: Progress) -> None:
        """For each of the largest groups of failures, log the last lines that the first row of the group wrote."""
        if progress.counts.failed:
            groups = client.reader.failures(progress.job, progress.counts).groups
            for text in failure_output(client, progress.job, groups):
                self._log.warning("%s", text)

    def ended(self, client: Client, job: Job) -> None:
        """Log facts that the success of an ended job can hide.

        These are failures that `allow_failed` accepts, ok rows of earlier revisions, and patterns of `results` that
        match no file.
        """
        if job.closing is not None and job.closing.success and job.closing.counts.ok < job.n:
            self._log.warning("%s: %s", job.name, describe_accepted(job.closing.counts))
        with suppress(StorageError), speaking(AIRFLOW):  # the notes are not essential
            self.revisions(client, job)
            for note in client.reader.note_results(job):
                self._log.warning("%s: %s", job.name, note)

    def revisions(self, client: Client, job: Job) -> None:
        """Log how many ok rows have results of an earlier revision of the job."""
        if found := client.reader.old_revisions(job):
            kinds = ", ".join(map(str, sorted(found)))
            self._log.warning(
                "%s: %d of %d rows have ok results of an earlier script (revision %s, now %d): on_clear='changed' runs"
                " the rows again whose command, script, inputs or values changed",
                job.name, sum(found.values()), job.n, kinds, job.revision,
            )  # fmt: skip
