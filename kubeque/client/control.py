"""The part of the client that changes and removes jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kubeque.client.progress import ProgressMethods
from kubeque.jobs.inspection import doctor
from kubeque.jobs.inspection.doctor import Finding
from kubeque.jobs.submission.reset import reset, stale_note
from kubeque.jobs.submission.reset_effect import ResetEffect, plan_reset
from kubeque.jobs.upkeep import control
from kubeque.jobs.upkeep.gc import Garbage, clear_away
from kubeque.jobs.upkeep.kill_rows import KillEffect, kill_rows
from kubeque.jobs.upkeep.progress import Progress
from kubeque.jobs.upkeep.remove import remove
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.row_selection import ALL_ROWS, RowSelection


class ControlMethods(ProgressMethods):
    """Methods of the client that change, examine and remove jobs."""

    def kill(self, name: str, rows: Iterable[int] | RowSelection | None = None) -> Progress:
        """Stop a job, or only some of its rows. Waiting and running tasks become killed; ok tasks stay ok.

        `rows`: indexes of the rows, or a selection; None for the whole job. A consumer stops a running row within about
        5 seconds. The other rows of the job run as before. Raises UserError if no row is selected, or for an index that
        the job does not have.

        Without `rows`, this also stops a job with an unreadable record. Raises JobUnreadable if the progress cannot be
        read afterwards.
        """
        if rows is None:
            control.kill(self._backends, name)
        else:
            self.kill_rows(name, rows if isinstance(rows, RowSelection) else RowSelection.of(rows))
        return self.status(name)

    def kill_rows(self, name: str, rows: RowSelection, *, dry_run: bool = False) -> KillEffect:
        """Kill the selected rows of a job.

        Return how many of them were waiting, how many run, and how many had already ended.

        `dry_run`: True to change nothing. Raises UserError if no row is selected.
        """
        return kill_rows(self._backends, name, rows, dry_run=dry_run)

    def reset(
        self, name: str, rule: ResetRule | None = None, *, update: bool = False, rows: RowSelection = ALL_ROWS
    ) -> Progress:
        """Run tasks again with full budgets: the failed and killed tasks, or the tasks that `rule` selects.

        If no task is selected, the job does not change. `update`: True to use the input files and the environment as
        they are now, not as they were submitted. `rows`: only these rows. Raises UserError.
        """
        return self.reset_rows(name, rule or ResetRule(), update=update, rows=rows)[1]

    def reset_rows(
        self, name: str, rule: ResetRule, *, update: bool = False, rows: RowSelection = ALL_ROWS, run: int | None = None
    ) -> tuple[ResetEffect, Progress]:
        """Reset tasks like `reset`. Return the numbers of rows that run again and that are kept, and the progress.

        `run`: the expected run of the job. Raises UserError if the job has another run, because it was reset meanwhile.
        """
        effect = reset(self._backends, name, rule, update=update, selection=rows, run=run)
        return effect, self.reconcile(name)

    def reset_effect(self, name: str, rule: ResetRule | None = None, *, rows: RowSelection = ALL_ROWS) -> ResetEffect:
        """Return how many rows a reset of a job would run again, and how many it would keep. Nothing is changed."""
        return plan_reset(self._backends, self.job(name), rule or ResetRule(), rows).effect

    def stale_note(self, name: str) -> str:
        """Return a note if input files of a job have changed on this machine since its submission; empty if not."""
        return stale_note(self._backends, self.job(name))

    def pause(self, name: str) -> Progress:
        """Pause a job. Running tasks finish, no other task starts, and consumers without work leave.

        Consumers notice the pause within five seconds. Raises UserError if the job has ended.
        """
        control.pause(self._backends, name)
        return self.status(name)

    def resume(self, name: str) -> Progress:
        """End the pause of a job and start consumers. Raises UserError if the job is not paused."""
        control.resume(self._backends, name)
        return self.reconcile(name)

    def prioritise(self, name: str, priority: int) -> Job:
        """Set the priority of a job. The consumers of its fleet prefer jobs of higher priority.

        Raises UserError if the job has ended.
        """
        return control.prioritise(self._backends, name, priority)

    def scale(self, name: str, consumers: int) -> Progress:
        """Set the number of consumers of a job.

        Missing consumers start; surplus consumers leave after their current task. Raises UserError if the number is not
        allowed or the job has ended.
        """
        grew = control.scale(self._backends, name, consumers)
        return self.reconcile(name) if grew else self.status(name)

    def remove(self, name: str, *, tell: Callable[[str], object] | None = None) -> Job | None:
        """Delete a job and its results, except results that other jobs link to.

        `tell`: function that gets a sentence about each part that stays, with the reason. Return None if the record of
        the job cannot be read. `gc` then deletes its results.
        """
        return remove(self._backends, name, tell)

    def gc(self, *, really: bool = False) -> Garbage:
        """Return expired jobs, left-over folders and unused inputs.

        `really`: True to also delete these items. Raises UserError.
        """
        return clear_away(self._backends, really=really, now=self._backends.queue.now())

    def doctor(self, name: str) -> list[Finding]:
        """Record dead consumers, close the job if it has ended, and check its consumers, queue records and files.

        Starts nothing.
        """
        return doctor.examine(self._backends, name)
