"""The jobs of a queue: create, find, change, stop and remove them."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import count, islice

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import JobExists, JobNotFound, JobUnreadable, QueueUnavailable
from kubeque.model.job.changes import end_job
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.text import is_unicode
from kubeque.model.wording import code
from kubeque.queues.backends.backend import Backend, Conflict, JobRecord, first_slot
from kubeque.queues.backends.records import block_record, job_record, killed_record, read_job, stored_uid
from kubeque.queues.block import Block
from kubeque.queues.until_answered import until_answered
from kubeque.retry import Sleep, T

log = logging.getLogger(__name__)
_INSERT_BATCH = 2000


@dataclass(frozen=True, slots=True)
class JobList:
    """The readable and unreadable jobs of a queue."""

    #: Jobs with a higher priority come first. Jobs with equal priority are in order of submission.
    jobs: list[Job]
    #: For each job that cannot be read, an error with its name and the reason.
    unreadable: list[JobUnreadable]


def list_readable(records: Iterable[JobRecord]) -> JobList:
    """Return the jobs in the readable records, and an error with the reason for each unreadable record."""
    found: list[Job] = []
    unreadable: list[JobUnreadable] = []
    for record in records:
        try:
            found.append(read_job(record)[0])
        except JobUnreadable as error:
            unreadable.append(error)
    found.sort(key=lambda job: (-job.priority, job.created, job.uid))
    return JobList(found, sorted(unreadable, key=lambda error: error.name))


class JobRecords:
    """The part of `Queue` that concerns whole jobs."""

    def __init__(
        self, backend: Backend, *, sleep: Sleep = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._backend = backend
        #: Function that waits between calls to a backend that does not answer, and between failed claims.
        self.sleep = sleep
        #: Monotonic clock of the leases, seconds.
        self.clock = clock
        #: Logged reasons why jobs cannot be read.
        self._logged: set[str] = set()

    def create(self, job: Job, content: Iterable[Block]) -> Job:
        """Store a new job with its blocks and return the job. The job becomes visible after all blocks are stored.

        `content`: all blocks of the job. Raises JobExists if the name is taken; the new blocks are then deleted.
        """
        if self.find(job.name) is not None:
            raise JobExists(f"there is a job {job.name!r} already")
        self.insert_blocks(content)
        change_id, tries = secrets.token_hex(8), count()
        if not self._answered(lambda: self._insert(job, change_id, again=next(tries) > 0)):
            self.delete_blocks(job.uid)
            raise JobExists(f"there is a job {job.name!r} already")
        return job

    def insert_blocks(self, content: Iterable[Block]) -> None:
        """Store new blocks. The caller stores or changes their job afterwards."""
        rest = enumerate(content)
        while batch := [block_record(block, first_slot(number)) for number, block in islice(rest, _INSERT_BATCH)]:
            # It is safe to repeat this call, because it does not change existing blocks.
            self._answered(partial(self._backend.insert_blocks, batch))

    def _insert(self, job: Job, change_id: str, *, again: bool) -> bool:
        """Insert the record of a job. True if the job was created; False if another job has its name.

        `again`: True after a call whose answer was lost. That call may have inserted the record.
        """
        if again and not self._backend.scan_blocks(job.uid, limit=1):
            return True  # the earlier call created the job, and the job was removed since: do not create it again
        try:
            self._backend.insert_job(job_record(job, 0, [change_id]))
            return True
        except Conflict:
            kept = self._backend.get_job(job.name)
            # If the uid is equal, an earlier call inserted the job, and its answer was lost. Other processes may have
            # changed the job since then.
            return kept is not None and read_job(kept)[0].uid == job.uid

    def find(self, name: str) -> Job | None:
        """Return the job `name`; None if the queue has no such job. Raises JobUnreadable."""
        if not is_unicode(name):
            return None
        record = self._backend.get_job(name)
        return read_job(record)[0] if record else None

    def job(self, name: str) -> Job:
        """Return the job `name`. Raises JobNotFound or JobUnreadable."""
        job = self.find(name)
        if job is None:
            raise JobNotFound(f"there is no job {name!r}: {code('status')} lists the jobs there are")
        return job

    def list_jobs(self, fleet: str | None = None) -> JobList:
        """Return the readable and unreadable jobs.

        `fleet`: return only the jobs of this fleet that are not closed; None: return all jobs.
        """
        return list_readable(self._backend.list_jobs(fleet))

    def jobs(self, fleet: str | None = None) -> list[Job]:
        """Return the readable jobs of `list_jobs`. Log each unreadable job once."""
        listed = self.list_jobs(fleet)
        for reason in map(str, listed.unreadable):
            if reason not in self._logged:
                self._logged.add(reason)
                log.warning("a job is ignored: %s", reason)
        return listed.jobs

    def update(self, name: str, change: Callable[[Job], Job | None]) -> Job:
        """Change a job by compare-and-set and return the stored job.

        `change` gets the stored job and returns the changed job, or None to leave the job unchanged. `change` can be
        called several times.

        Raises JobNotFound, also if a new job takes the name meanwhile. Raises JobUnreadable.
        """
        change_id, uids = secrets.token_hex(8), set[str]()
        return self._answered(lambda: self._try_update(name, change, change_id, uids))

    def _try_update(self, name: str, change: Callable[[Job], Job | None], change_id: str, uids: set[str]) -> Job:
        while True:
            record = self._backend.get_job(name)
            job, changes = read_job(record) if record else (None, [])
            if record is None or job is None or uids - {job.uid}:  # a new job of that name must not be changed
                raise JobNotFound(f"there is no job {name!r}: {code('status')} lists the jobs there are")
            # Do not repeat a change that was applied and whose answer was lost.
            wanted = None if change_id in changes else change(job)
            if wanted is None:
                return job
            try:
                self._backend.swap_job(job_record(wanted, record.version, [*changes, change_id]))
                return wanted
            except Conflict:
                continue
            except QueueUnavailable:
                uids.add(job.uid)
                raise

    def kill(self, name: str) -> Job:
        """Kill a job and return it. Its consumers notice the kill within five seconds and give their tasks back.

        Raises JobNotFound if the queue has no such job. Raises JobUnreadable if the job needs a newer kubeque, or if
        its record is damaged. Only `put_aside` can stop a job with a damaged record.
        """

        def change(job: Job) -> Job | None:
            unknown = job.state is JobState.UNKNOWN and job.closing is None
            return end_job(job, JobState.KILLED) if job.open or unknown else None

        return self.update(name, change)

    def put_aside(self, name: str) -> None:
        """Stop a job with a damaged record: remove the job from its fleet, so that consumers no longer find the job.

        If the record can be decoded, its state also becomes `killed`. Do nothing if the record is readable or missing.
        Raises JobUnreadable if the job needs a newer kubeque.
        """
        self._answered(lambda: self._change_record(name, lambda record: self._backend.swap_job(killed_record(record))))

    def discard(self, name: str) -> str:
        """Delete the damaged record of a job and the job's blocks. Return the uid of the job; empty if it is unknown.

        Do nothing if the record is readable or missing. Raises JobUnreadable if the job needs a newer kubeque.
        """
        uid = ""

        def delete(record: JobRecord) -> None:
            nonlocal uid
            uid = stored_uid(record)
            self._backend.delete_job(record)

        self._answered(lambda: self._change_record(name, delete))
        if uid:
            self._delete_blocks_of(uid)
        return uid

    def _change_record(self, name: str, change: Callable[[JobRecord], object]) -> None:
        """Call `change` with the damaged record of a job. Do nothing if the record is readable or missing.

        Raises JobUnreadable if the job needs a newer kubeque, because a newer kubeque may work on the job.
        """
        while (record := self._backend.get_job(name)) is not None and (damaged := list_readable([record]).unreadable):
            if damaged[0].needs:
                raise damaged[0]
            with suppress(Conflict):
                change(record)
                return

    def stop(self, job: Job, reason: str) -> Job:
        """End an open job early, for example because it exceeds a limit. Return the stored job.

        Do nothing if the job was replaced or reset meanwhile. Raises JobNotFound or JobUnreadable.
        """

        def change(now: Job) -> Job | None:
            return end_job(now, JobState.STOPPED, reason) if now.is_same_run(job) and now.open else None

        return self.update(job.name, change)

    def remove(self, name: str) -> Job | None:
        """Delete a job and its blocks. Return the job; None if the queue has no such job.

        After the call, consumers of the job cannot record anything. Raises JobUnreadable.
        """
        job = self.find(name)
        if job is not None:
            uid = job.uid
            self._answered(lambda: self._delete(name, uid))
            self._delete_blocks_of(uid)
        return job

    def _delete_blocks_of(self, uid: str) -> None:
        """Delete the blocks of a deleted job. Do nothing if another job has the same uid.

        A damaged record can contain the uid of another job.
        """
        if uid not in {job.uid for job in self.list_jobs().jobs}:
            self.delete_blocks(uid)

    def delete_blocks(self, uid: str) -> None:
        """Delete all blocks of the job with this uid."""
        self._answered(lambda: self._backend.delete_blocks(uid))

    def _delete(self, name: str, uid: str) -> None:
        """Delete the record of the job `name`. Do nothing if the record has another uid."""
        while (record := self._backend.get_job(name)) is not None and read_job(record)[0].uid == uid:
            try:
                return self._backend.delete_job(record)
            except Conflict:
                continue

    def _answered(self, action: Callable[[], T]) -> T:
        return until_answered(action, self.sleep)
