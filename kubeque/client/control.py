"""The part of the client that changes and removes jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kubeque.client.progress import ProgressMethods
from kubeque.jobs.inspection import doctor
from kubeque.jobs.inspection.doctor import Finding
from kubeque.jobs.submission.reset import reset, stale_note
from kubeque.jobs.submission.reset_effect import ResetEffect, plan_reset
from kubeque.jobs.upkeep import control
from kubeque.jobs.upkeep.consumers import send_home
from kubeque.jobs.upkeep.gc import clear_away
from kubeque.jobs.upkeep.kill_rows import KillEffect, kill_rows
from kubeque.jobs.upkeep.progress import Progress
from kubeque.jobs.upkeep.remove import remove, remove_jobs
from kubeque.jobs.upkeep.space.garbage import Garbage
from kubeque.jobs.upkeep.space.home_usage import measure_home
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.row_selection import ALL_ROWS, RowSelection
from kubeque.model.sweep.sweep import Sweep


class ControlMethods(ProgressMethods):
    """Methods of the client that change, examine and remove jobs."""

    def kill(self, name: str, rows: Iterable[int] | RowSelection | None = None) -> Progress:
        """Kill a job, or only some of its rows, and return its progress.

        Waiting and running tasks become killed; ok tasks stay ok. `rows`: indexes of the rows, or a selection; None for
        the whole job. A consumer stops a running row within about 5 seconds. Rows that are not selected run as before.
        Raises UserError if no row is selected, or for an index that the job does not have.

        If `rows` is None, a job with an unreadable record is killed, too. Then JobUnreadable is raised after the kill,
        because the progress cannot be read.
        """
        if rows is None:
            control.kill(self._backends, name)
        else:
            self.kill_rows(name, rows if isinstance(rows, RowSelection) else RowSelection.of(rows))
        return self.status(name)

    def kill_rows(self, name: str, rows: RowSelection, *, dry_run: bool = False) -> KillEffect:
        """Kill the selected rows of a job.

        Return the numbers of selected rows that were waiting, that are running, and that had already ended.

        `dry_run`: True to return the numbers without a kill. Raises UserError if no row is selected, or if the job was
        reset meanwhile.
        """
        return kill_rows(self._backends, name, rows, dry_run=dry_run)

    def reset(
        self, name: str, rule: ResetRule | None = None, *, update: bool = False, rows: RowSelection = ALL_ROWS
    ) -> Progress:
        """Run tasks of a job again with full budgets, and return the progress of the job.

        `rule`: selects the tasks; None selects the failed and killed tasks. `rows`: reset only tasks among these rows.
        If no task is selected, the job does not change. `update`: True to use the present input files and environment
        in place of those of the submission. Raises UserError.
        """
        return self.reset_rows(name, rule or ResetRule(), update=update, rows=rows)[1]

    def reset_rows(
        self, name: str, rule: ResetRule, *, update: bool = False, rows: RowSelection = ALL_ROWS, run: int | None = None
    ) -> tuple[ResetEffect, Progress]:
        """Run tasks again like `reset`. Return the effect (numbers of reset and of kept rows), and the progress.

        `run`: number of resets that the caller expects the job to have; None for any number. Raises UserError if the
        job has a different number, because another program has reset the job meanwhile.
        """
        effect = reset(self._backends, name, rule, update=update, selection=rows, run=run)
        return effect, self.reconcile(name)

    def reset_effect(self, name: str, rule: ResetRule | None = None, *, rows: RowSelection = ALL_ROWS) -> ResetEffect:
        """Return how many rows a reset would run again, and how many it would keep. The job is not changed.

        `rule`, `rows`: see `reset`.
        """
        return plan_reset(self._backends, self.job(name), rule or ResetRule(), rows).effect

    def stale_note(self, name: str, *, like: Sweep | None = None) -> str:
        """Return a note that names the input files that have changed on this machine since the submission of a job.

        Return an empty text if no file has changed. `like`: sweep that will be submitted with the stored inputs of the
        job; None for a reset.
        """
        return stale_note(self._backends, self.job(name), like=like)

    def pause(self, name: str) -> Progress:
        """Pause a job and return its progress.

        Running tasks finish, no other task starts, and consumers without work exit. Consumers notice the pause within
        five seconds. Raises UserError if the job has ended.
        """
        control.pause(self._backends, name)
        return self.status(name)

    def resume(self, name: str) -> Progress:
        """End the pause of a job, start consumers, and return the progress.

        Raises UserError if the job is not paused.
        """
        control.resume(self._backends, name)
        return self.reconcile(name)

    def prioritise(self, name: str, priority: int) -> Job:
        """Set the priority of a job and return the job. The consumers of its fleet prefer jobs of higher priority.

        Raises UserError if the priority is not a number, if the job has ended, or if the job runs in pods.
        """
        return control.prioritise(self._backends, name, priority)

    def scale(self, name: str, consumers: int) -> Progress:
        """Set the number of consumers of a job and return its progress.

        Missing consumers start; surplus consumers exit after their current task. Raises UserError if the number is not
        allowed or the job has ended.
        """
        grew = control.scale(self._backends, name, consumers)
        return self.reconcile(name) if grew else self.status(name)

    def send_home(self, target: str) -> list[str]:
        """Ask consumers of `kubeque work` to leave after their present task, and return their names.

        `target`: name of a machine, or of one consumer as `consumers` returns it. Consumers notice the request within
        five seconds. Raises UserError if no such consumer has tasks, or if it belongs to the cluster of a sweep.
        """
        return send_home(self._backends, target)

    def remove(self, name: str, *, tell: Callable[[str], object] | None = None) -> Job | None:
        """Delete a job and its results, except results that other jobs link to.

        Return the deleted job. If its record cannot be read, delete only the record and return None; `gc` deletes the
        results later. `tell`: function that is called for each part that stays, with a sentence that gives the reason.
        """
        return remove(self._backends, name, tell)

    def remove_jobs(self, names: Iterable[str], done: Callable[[str, Sequence[str]], object]) -> int:
        """Delete several jobs like `remove`. Return the size of their inputs in the store in bytes.

        These inputs stay, because other jobs may use them; `gc` deletes those that no job uses. `done`: function that
        gets the name of each deleted job, and a sentence about each part that stays.
        """
        return remove_jobs(self._backends, names, done)

    def gc(self, *, really: bool = False, now: bool = False) -> Garbage:
        """Return the expired jobs, left-over folders and unused inputs, and the space that the home folder uses.

        `really`: True to delete these items, too. `now`: True to include unused inputs of the last day. Raises
        UserError if another garbage collection is running.
        """
        found = clear_away(self._backends, really=really, now=self._backends.queue.now(), at_once=now)
        found.home = measure_home(self.config)
        return found

    def doctor(self, name: str, *, adopt: bool = False) -> list[Finding]:
        """Check the consumers, queue records and files of a job, and return the results of the checks.

        Before the checks, take tasks back from dead consumers, and close the job if it has ended. Starts no consumers.
        `adopt`: True to record complete results in the store that a restored queue does not name.
        """
        return doctor.examine(self._backends, name, adopt=adopt)
