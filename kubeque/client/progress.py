"""The part of the client that observes jobs and waits for them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from functools import partial

from kubeque import __version__
from kubeque.client.connection import Connection
from kubeque.jobs.inspection.details import JobDetails, TaskDetails, job_details, task_details
from kubeque.jobs.inspection.explain import explain_job
from kubeque.jobs.inspection.failed_groups import is_mapped, read_failed_groups
from kubeque.jobs.inspection.peek import Peek, peek, peek_many
from kubeque.jobs.submission.recent_jobs import recent_names
from kubeque.jobs.upkeep import observers, wait_token, watch
from kubeque.jobs.upkeep.consumers import ActiveConsumer, list_consumers
from kubeque.jobs.upkeep.progress import Progress, read_progress
from kubeque.jobs.upkeep.reconcile import reconcile
from kubeque.model.compatibility.versions import warn_of_difference
from kubeque.model.errors import JobUnreadable, QueueRefused, StorageError
from kubeque.model.job.job import Job
from kubeque.model.stats.explanation_facts import Explanation
from kubeque.model.stats.remedies import FailedGroup


class ProgressMethods(Connection):
    """Methods of the client that observe jobs and wait for them."""

    def now(self) -> float:
        """Return the time by the clock of the queue, Unix seconds."""
        return self._backends.queue.now()

    def progress(self, name: str) -> Progress:
        """Return the progress of a job. The job is not changed, and no consumer starts."""
        return read_progress(self._backends, self.job(name))

    def status(self, name: str) -> Progress:
        """Take a job's tasks back from dead consumers, close the job if it has ended, and return its progress.

        Starts no consumers. If the store does not answer, or if blocks of the job are damaged, return the progress from
        the queue. The field `obstacles` of the progress then names the problem. With a login that may only read the
        queue, only return the progress.
        """
        try:
            return reconcile(self._backends, name, start=False, watch=self._watch, store=self._store_watch)
        except (StorageError, JobUnreadable) as error:
            return read_progress(self._backends, self.job(name), obstacle=str(error))
        except QueueRefused:
            return self.progress(name)

    def reconcile(self, name: str) -> Progress:
        """Take a job's tasks back from dead consumers, start missing consumers, and close the job if it has ended.

        Return the progress of the job. Programs that wait for a job call this method repeatedly.
        """
        return reconcile(self._backends, name, start=True, watch=self._watch)

    def _observe(self, name: str) -> Callable[[], Progress]:
        """Return a function that reconciles a job and returns its progress, without waiting for a silent store."""
        return partial(reconcile, self._backends, name, start=True, watch=self._watch, store=self._store_watch)

    def jobs(self) -> list[Job]:
        """Return all jobs of the queue that this version of kubeque can read, the newest last."""
        return sorted(self._backends.queue.jobs(), key=lambda job: job.created)

    def version_warnings(self, job: Job) -> list[str]:
        """Return warnings about other versions of kubeque that work on a job, one line each.

        One warning is about the version of the job's consumers, another about the version that wrote the job's record.
        Return an empty list if no version differs from that of this program. Raises StorageError.
        """
        consumers = self._backends.cluster_of(job).consumer_version
        found = (
            warn_of_difference(f"{job.name}: its consumers run", consumers, __version__),
            warn_of_difference(f"{job.name}: its record was written by", job.written_by, __version__),
        )
        return [line for line in found if line]

    def unreadable_jobs(self) -> list[JobUnreadable]:
        """Return one error for each job that this version of kubeque cannot read.

        The error has the name of the job and the reason: the job is damaged, or needs a newer version.
        """
        return self._backends.queue.list_jobs().unreadable

    def recent_names(self) -> list[str]:
        """Return the names of jobs that were submitted to this queue with this $KUBEQUE_HOME, the newest first.

        Some of these jobs may have been removed.
        """
        return recent_names(self.config.home, self.config.queue_url)

    def watch(self, name: str, *, seconds: float = 0.3) -> Iterator[Progress]:
        """Start missing consumers, and yield the progress of a job until it has ended or is held.

        `seconds`: pause between two polls. While the store of results does not answer, the progress comes from the
        queue, and the field `obstacles` of the progress names the store. Raises QueueUnavailable or StorageError if the
        queue or the store does not answer for an hour.
        """
        with observers.announce(self.config.home, name):
            yield from watch.watch(self._observe(name), seconds=seconds)

    def wait(self, name: str, *, timeout: float | None = None) -> Progress:
        """Wait until the job has ended or is held, and return its progress. Starts missing consumers.

        Raises TimeoutError after `timeout` seconds (None: no limit), and the errors of `watch`.
        """
        return watch.wait(self.watch(name), name, timeout=timeout)

    def details(self, name: str) -> JobDetails:
        """Return a job with its spec and with sums over its tasks, for example their total run time.

        Every task is read.
        """
        return job_details(self._backends, name)

    def task(self, name: str, index: int) -> TaskDetails:
        """Return a task with its row, attempts and last result. Raises UserError for an index out of range."""
        return task_details(self._backends, name, index)

    def explain(self, name: str, index: int | None = None) -> Explanation:
        """Explain why a job, or its task `index`, failed or is not running.

        The explanation also says what happens next, and which command to type. The job is not changed. If the store or
        the cluster does not answer, the explanation uses only the queue. Raises UserError for an index out of range.
        """
        return explain_job(self._backends, name, index)

    def failed_groups(self, progress: Progress) -> tuple[FailedGroup, ...]:
        """Return facts about a job's largest groups of failures. `format_steps` derives the next commands from them."""
        job = progress.job
        return read_failed_groups(self._backends, job, self.reader.failures(job, progress.counts).groups)

    def consumers(self, name: str | None = None) -> list[ActiveConsumer]:
        """Return the consumers that have tasks of a job, or of all jobs without `name`.

        A consumer without a task is not returned. Reads at most 1,000 leases of each job.
        """
        return list_consumers(self._backends, name)

    def is_mapped(self, name: str) -> bool:
        """True if a job is of `kubeque.map`. False if the store does not answer."""
        return is_mapped(self._backends, self.job(name))

    def peek(self, name: str, index: int, stream: str = "stdout", *, wait: bool = True) -> Peek:
        """Return the last 64 KiB of one stream of a task, even while the task runs.

        `stream`: "stdout" or "stderr". `wait`: True to wait at most 12 seconds for the newest output of a running task.
        Raises UserError for an index out of range.
        """
        return peek(self._backends, self.job(name), index, stream, wait=wait)

    def peek_many(
        self, name: str, stream: str = "stdout", *, state: str | None = None, skip: Container[int] = ()
    ) -> Iterator[Peek]:
        """Yield the last 64 KiB of one stream of each task that has begun, in the order of the tasks.

        `stream`: "stdout" or "stderr". `state`: only tasks in this state (None: all). `skip`: indexes to leave out.
        Raises StorageError.
        """
        return peek_many(self._backends, self.job(name), stream, state=state, skip=skip)

    def take(
        self, name: str, token: str, *, orphan_after: float | None = None, retries: Mapping[str, int] | None = None
    ) -> str:
        """Store `token` as the wait token of a job. Return the previous token; "" if the job had none.

        The wait token identifies the program that waits for the job. `orphan_after`: seconds without a call of `keep`
        after which the job stops; None means never. `retries`: new number of extra attempts for each cause.
        """
        return wait_token.take(self._backends, name, token, orphan_after=orphan_after, retries=retries or {})

    def keep(self, name: str, token: str) -> None:
        """Record that the program with this wait token is alive. If the job has a different token, do nothing."""
        wait_token.keep(self._backends, name, token)

    def cancel(self, name: str, token: str) -> bool:
        """Kill an open job if `token` is its wait token. Return True if the job was killed; False for a missing job."""
        return wait_token.cancel(self._backends, name, token)

    def mark_delivered(self, job: Job) -> None:
        """Record that the results of the current run of `job` were delivered to the Airflow task.

        If a user clears the Airflow task later, a successful job can run again only if this record exists. Without the
        record, the Airflow task adopts the job. Raises JobNotFound.
        """
        wait_token.mark_delivered(self._backends, job)
