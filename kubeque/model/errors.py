"""The errors of kubeque, in one tree.

KubequeError                      exit code 1
├── UserError                     exit code 2: what the user gave is wrong; nothing was submitted
│   ├── ConfigError               the .kubeque file or a URL in it
│   ├── ParametersError           the rows of a sweep
│   ├── CommandError              the command and its inputs
│   ├── JobspecError              a jobspec.json
│   ├── ResourceError             cpu, memory, disk, durations, budgets
│   ├── JobNotFound               no job has that name
│   ├── JobExists                 the name is taken by another sweep
│   ├── DestinationError          the folder to fetch into
│   └── MissingExtra              an optional library is not installed
├── QueueError                    the queue cannot be used
│   ├── QueueUnavailable          the store did not answer: try again later
│   ├── QueueGone                 the store was removed while it was in use
│   ├── QueueSchemaError          the store's layout is newer, foreign or damaged
│   └── FencingError              the store accepted a stale write: never run tasks on it
├── LeaseLost                     somebody else holds the tasks now
├── StorageError                  files could not be read or written
│   ├── FileMissing               there is no such file
│   └── FileDamaged               it is not the file that it should be
├── ClusterError                  consumers could not be started or seen
│   ├── ClusterUnavailable        the cluster did not answer: try again later
│   └── ClusterRefused            the cluster said no
└── JobFailed                     the sweep ended without success
"""

from __future__ import annotations

from typing import ClassVar


class KubequeError(Exception):
    """Anything kubeque raises on purpose. Its text names the thing, the value and the remedy."""

    #: What the command line exits with.
    exit_code: ClassVar[int] = 1


class UserError(KubequeError):
    """What the user gave is wrong. Nothing was submitted or changed: mend it and say it again."""

    exit_code = 2


class ConfigError(UserError):
    """A configuration file, key or URL is wrong. Mend the key that the message names."""


class ParametersError(UserError):
    """The rows of a sweep are wrong. The message names the file, line and column."""


class CommandError(UserError):
    """The command, a placeholder or an input file is wrong. The message names the word."""


class JobspecError(UserError):
    """A jobspec is wrong. The message names the file and the key; docs/jobspec.md has them all."""


class ResourceError(UserError):
    """A quantity (cpu, memory, disk, duration, budget) is wrong. The message shows good ones."""


class JobNotFound(UserError):
    """No job has that name. `kubeque status` lists the jobs there are."""


class JobExists(UserError):
    """The name is taken by a job with another spec. Revise it, replace it or choose another name."""


class DestinationError(UserError):
    """A folder to fetch into cannot be used. Choose another or say `--force`."""


class MissingExtra(UserError):
    """An optional library is not installed. Install the extra that the message names."""


class QueueError(KubequeError):
    """The queue cannot be used as it is."""


class QueueUnavailable(QueueError):
    """The store did not answer. Nothing is known of the last write: read before writing again."""


class QueueGone(QueueError):
    """The store was removed, and what it held with it. Submit the sweep again."""


class QueueSchemaError(QueueError):
    """The store holds a layout that this version does not know. Upgrade, or choose another store."""


class FencingError(QueueError):
    """The store let a stale write through, so two consumers could own one task. Use another store."""


class LeaseLost(KubequeError):
    """The lease on a block went to somebody else: stop the command and drop what is not recorded."""


class StorageError(KubequeError):
    """Files could not be read or written. The message names the URL and what the store answered."""


class FileMissing(StorageError):
    """There is no file at that URL. Whoever may meet this before the file is written asks again later."""


class FileDamaged(StorageError):
    """A file is not what it should be: changed, cut short, or no manifest. Another try brings the same."""


class ClusterError(KubequeError):
    """Consumers could not be started, counted or stopped."""


class ClusterUnavailable(ClusterError):
    """The cluster did not answer. Consumers that run go on; ask again later."""


class ClusterRefused(ClusterError):
    """The cluster refused a request. The message has its words; grant the right or mend what it names."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        #: The HTTP status: 403 a right is missing, 404 not there, 409 somebody was faster, 422 invalid.
        self.status = status


class JobFailed(KubequeError):
    """The sweep ended and it is not a success. The message names the first failing rows."""
