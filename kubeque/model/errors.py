"""The errors of kubeque, in one tree.

KubequeError                      exit code 1
├── UserError                     exit code 2: invalid input; nothing was submitted or changed
│   ├── ConfigError               the .kubeque file or a URL in it
│   ├── ParametersError           the rows of a sweep
│   ├── CommandError              the command and its inputs
│   ├── JobspecError              a jobspec.json
│   ├── ResourceError             cpu, memory, disk, durations, budgets
│   ├── JobNotFound               no job has this name
│   ├── JobExists                 a different sweep has this name
│   ├── DestinationError          the folder to fetch into
│   │   └── DestinationNotEmpty   the folder holds files other than results of this job
│   ├── EnvironmentGone           the stored environment of a job on one machine
│   └── MissingExtra              an optional library is not installed
├── QueueError                    the queue cannot be used
│   ├── QueueUnavailable          the database did not answer: try again later
│   ├── QueueGone                 the database was removed while it was in use
│   ├── QueueRefused              the login lacks a right
│   ├── QueueSchemaError          the layout of the database is newer, foreign or damaged
│   ├── JobUnreadable             one job needs a newer kubeque, or its record is damaged
│   └── FencingError              the database accepted a stale write: run no tasks on it
├── LeaseLost                     another consumer holds the tasks now
├── StorageError                  files could not be read or written
│   ├── StoreUnavailable          the store did not answer: try again later
│   └── FileError                 one file could not be read or written; other files are not affected
│       ├── FileMissing           the file does not exist
│       ├── FileDamaged           the content of the file is wrong
│       └── FileRefused           the name or the state of the file prevents its use
├── ClusterError                  consumers could not be started, counted or stopped
│   ├── ClusterUnavailable        the cluster did not answer: try again later
│   └── ClusterRefused            the cluster refused the request
└── JobFailed                     the sweep ended without success
"""

from __future__ import annotations

from typing import Any, ClassVar

from kubeque.model.url_logins import hide_logins


class KubequeError(Exception):
    """Base class of all errors that kubeque raises. The message contains the problem, the value, and what to do."""

    #: Exit code of the command line.
    exit_code: ClassVar[int] = 1

    def __init__(self, *args: Any) -> None:
        """Take the message as the first argument. Logins of URLs in text arguments are hidden."""
        super().__init__(*(hide_logins(arg) if isinstance(arg, str) else arg for arg in args))


class UserError(KubequeError):
    """The input is invalid. Nothing was submitted or changed: correct the input and repeat the command."""

    exit_code = 2


class ConfigError(UserError):
    """A configuration file, key or URL is wrong. Correct the key that the message names."""


class ParametersError(UserError):
    """The rows of a sweep are wrong. The message names the file, line and column."""


class NoRows(ParametersError):
    """The parameters were read, but they have no rows."""


class CommandError(UserError):
    """The command, a placeholder or an input file is wrong. The message names the word."""


class JobspecError(UserError):
    """A jobspec is wrong. The message names the file and the key; docs/jobspec.md lists all keys."""


class ResourceError(UserError):
    """A quantity (cpu, memory, disk, duration, budget) is wrong. The message shows valid examples."""


class JobNotFound(UserError):
    """No job has this name. `kubeque list` shows the names of all jobs."""


class JobExists(UserError):
    """A job with a different spec has this name. Revise or replace that job, or choose a different name."""


class DestinationError(UserError):
    """The folder to fetch into cannot be used. Choose a different folder, or add `--force`."""


class DestinationNotEmpty(DestinationError):
    """The destination of a fetch contains files that are not results of the job.

    Choose another destination, or use force.
    """

    def __init__(self, message: str, dest: str) -> None:
        super().__init__(message)
        #: The destination: a folder or a URL.
        self.dest = dest


class EnvironmentGone(UserError):
    """The stored environment of a job on one machine is missing. `kubeque reset JOB --update` stores a new one."""


class MissingExtra(UserError):
    """An optional library is not installed. Install the extra that the message names."""


class QueueError(KubequeError):
    """The queue cannot be used. The class of the error is the reason."""


class QueueUnavailable(QueueError):
    """The database did not answer. The last write may have succeeded, so read before you write again."""


class QueueGone(QueueError):
    """The database was removed with all its jobs. Submit the sweep again."""


class QueueRefused(QueueError):
    """The login to the database lacks a right. Use a login that has the right.

    The present login may still be able to read.
    """


class QueueSchemaError(QueueError):
    """The database has a layout that this version does not know. Upgrade kubeque, or choose a different database."""


class JobUnreadable(QueueError):
    """One job needs a newer kubeque, or its record is damaged. Other jobs are not affected."""

    def __init__(self, message: str, name: str, needs: str = "") -> None:
        super().__init__(message)
        #: The job's name.
        self.name = name
        #: Lowest version of kubeque that can work on the job; empty if the job's record is damaged.
        self.needs = needs


class FencingError(QueueError):
    """The database accepted a stale write, so two consumers could own one task. Use a different database."""


class LeaseLost(KubequeError):
    """Another consumer now has the lease of the block.

    End the command, and discard its results that are not committed.
    """


class StorageError(KubequeError):
    """Files could not be read or written. The message names the URL and the answer of the store."""


class StoreUnavailable(StorageError):
    """The store did not answer, or cannot serve requests at present. The same request can succeed later."""


class FileError(StorageError):
    """One file could not be read or written. Other files are not affected."""


class FileMissing(FileError):
    """The file does not exist. If another program may not have written the file yet, read it again later."""


class FileDamaged(FileError):
    """The content of a file was changed or cut off, or has the wrong format. A retry gives the same result."""


class FileRefused(FileError):
    """The name or the state of a file prevents its use. For example, the file changes while it is read."""


class ClusterError(KubequeError):
    """Consumers could not be started, counted or stopped."""


class ClusterUnavailable(ClusterError):
    """The cluster did not answer. Its consumers continue to run. Try again later."""


class ClusterRefused(ClusterError):
    """The cluster refused a request. The message quotes the answer of the cluster.

    Grant the missing permission, or correct the value.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        #: HTTP status: 403 permission missing, 404 not found, 409 conflict with another request, 422 invalid.
        self.status = status


class JobFailed(KubequeError):
    """The sweep ended without success. The message names the first rows that failed.

    The attribute `job` is the name of the job. The attribute `table` is the table of all rows, as `kubeque.map` returns
    it: the results of ok rows, and the causes of failures.
    """

    def __init__(self, message: str, job: str = "", table: Any = ()) -> None:
        super().__init__(message)
        #: The job's name.
        self.job = job
        #: Table of the job: a list with one dict for each row, or a DataFrame if the rows were a DataFrame.
        self.table = table
