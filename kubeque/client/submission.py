"""The part of the client that submits sweeps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from kubeque.client.progress import ProgressMethods
from kubeque.files.rows.matching_files import match_files
from kubeque.files.rows.row_source import read_rows, read_rows_of_standard_input
from kubeque.files.transfer_progress import Tell
from kubeque.jobs.submission import canaries
from kubeque.jobs.submission.advice import submission_notes
from kubeque.jobs.submission.effect import Effect
from kubeque.jobs.submission.existing import Existing, read_existing
from kubeque.jobs.submission.like import like
from kubeque.jobs.submission.plan import Plan, plan
from kubeque.jobs.submission.submit import Submitted, submit
from kubeque.jobs.upkeep.progress import Progress
from kubeque.model.rows.rows import Rows
from kubeque.model.stats.estimate import Estimate
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.user_paths import current_folder, expand_home


class SubmissionMethods(ProgressMethods):
    """Methods of the client that submit sweeps."""

    def submit(
        self, sweep: Sweep, *, existing: Existing | str = Existing.REFUSE, progress: Tell | None = None,
        typed: Collection[str] = (), confirm: Callable[[Effect], bool] | None = None, count_kept: bool = False,
    ) -> Submitted:  # fmt: skip
        """Submit a sweep, start consumers, and return the job. If UserError is raised, nothing was submitted.

        `existing`: what to do if a job of this name exists. `progress`: function that is called with the number and the
        size of the uploaded files. `typed`: names of the options that the user typed for this submission. An option
        without effect on this machine raises UserError if it was typed; otherwise the result has a note about it.
        `confirm`: function that gets the `Effect` on an existing job before the job is changed. If `confirm` returns
        False, UserError is raised. `count_kept`: True to count the rows for the `Effect` even without `confirm`, if the
        sweep has the same rows as the existing job.
        """
        return submit(
            self._backends, sweep, existing=read_existing(existing), progress=progress, typed=typed, confirm=confirm,
            count_kept=count_kept,
        )  # fmt: skip

    def advice(self, sweep: Sweep) -> list[str]:
        """Return notes for the user about a sweep before its submission, one sentence each.

        Examples are rows that were left out, and likely mistakes in the command.

        Raises UserError for a sweep that can run on no cluster.
        """
        return submission_notes(sweep, self._backends.config)

    def plan(self, sweep: Sweep, *, existing: Existing | str = Existing.REFUSE, typed: Collection[str] = ()) -> Plan:
        """Return the effects that `submit` would have for a sweep. Nothing is submitted.

        `existing`, `typed` and errors: see `submit`.
        """
        return plan(self._backends, sweep, existing=read_existing(existing), typed=typed)

    def like(self, name: str, *, rows: Rows | None = None, inputs_of_command: bool = True) -> Sweep:
        """Return a new sweep with the command, inputs, options and rows of a job, but without its name.

        `rows`: rows that replace the rows of the job. `inputs_of_command`: False to leave out the files that the
        command names with `^` words. Pass False if a different command replaces the command of the job.
        """
        return like(self._backends, name, rows=rows, inputs_of_command=inputs_of_command)

    def rows(self, source: str, *, delimiter: str | None = None) -> Rows:
        """Return the rows of a CSV, JSON Lines or Parquet file, given as a path or a URL.

        `delimiter`: character between the values of CSV text; None to detect the character from the header. Raises
        ParametersError, MissingExtra. Raises StorageError if a store does not answer.
        """
        return read_rows(self._backends.files, expand_home(source), delimiter)

    def rows_of_standard_input(self, *, delimiter: str | None = None) -> Rows:
        """Return the rows of the text on standard input. `delimiter` and errors: see `rows`."""
        return read_rows_of_standard_input(delimiter)

    def rows_of_files(self, patterns: Sequence[str], *, base: Path | None = None) -> Rows:
        """Return one row per file that matches a pattern, with the columns `path`, `name` and `stem`.

        `patterns`: paths or URLs with wildcards. A relative path is resolved against `base` (default: the current
        folder). `stem` is the name without its last suffix. Raises ParametersError. Raises StorageError if a store does
        not answer.
        """
        return match_files(self._backends.files, patterns, base or current_folder())

    def estimate(self, name: str) -> Estimate:
        """Estimate the time of the held tasks of a job from its canaries (the tasks that ran first)."""
        return canaries.canary_estimate(self._backends, self.job(name))

    def go(self, name: str) -> Progress:
        """Release the held tasks of a job, start consumers, and return the progress.

        Raises UserError if no task is held, or if the job was killed or stopped.
        """
        canaries.go(self._backends, name)
        return self.reconcile(name)
