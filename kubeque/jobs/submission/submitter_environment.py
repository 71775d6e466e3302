"""Store the environment of the submitter, compare it with an earlier environment, and renew it for later runs."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kubeque.clusters.environment_files import Environments, this_environment, this_umask
from kubeque.clusters.open import is_own_fleet
from kubeque.files.spec_file import write_spec
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.owner import own_queue_id
from kubeque.model.compatibility.versions import LOCAL_NEEDS
from kubeque.model.errors import ClusterError, EnvironmentGone, UserError
from kubeque.model.job.changes import raise_needs
from kubeque.model.job.inherited_environment import Environment
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.spec import JobSpec
from kubeque.model.sweep.secret_files import MAX_BYTES, SecretFile, parse_secret_file, read_variables
from kubeque.model.text import describe, printable
from kubeque.model.wording import command, field_name, option

#: Number of variables that a message names. Further variables are only counted.
_NAMED = 20


def environment_now(origin: Mapping[str, str], files: Sequence[SecretFile], taken: Iterable[str]) -> Environment:
    """Return the environment that tasks on this machine get: that of this process, and the contents of secret files.

    `origin`: the origin of the sweep. `taken`: names of variables that its `env` sets. Raises UserError for a secret
    file that cannot be read or used.
    """
    environment = Environment.of_submitter(this_environment(), this_umask(), airflow="dag" in origin)
    if not files:
        return environment
    variables = read_variables([(file, _read_secret(file)) for file in files], taken)
    return environment.with_secrets(variables, map(str, files))


def _read_secret(file: SecretFile) -> bytes:
    """Return the content of a secret file, at most one byte more than MAX_BYTES. Raises UserError."""
    try:
        if not file.path.is_file():  # a pipe or a device could block, or never end
            there = "is not a regular file" if file.path.exists() else "does not exist"
            raise UserError(f"{field_name('secret_file')} {describe(str(file.path))} {there}: give a file")
        with file.path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"{field_name('secret_file')} {describe(str(file.path))} cannot be read ({reason}): give a file that this"
            " user can read"
        ) from error


def secret_files_of(backends: Backends, job: Job) -> tuple[str, ...]:
    """Return the secret files of the submission of a job; none if its environment is not stored on this machine."""
    try:
        return Environments(backends.config.home).read(job).secret_files
    except (EnvironmentGone, ClusterError):
        return ()


def keep(backends: Backends, job: Job, environment: Environment) -> None:
    """Store the environment of the job's revision on this machine. Raises ClusterError."""
    Environments(backends.config.home).write(job, environment, queue=own_queue_id(backends))


def differences(backends: Backends, job: Job, now: Environment | None) -> tuple[str, ...]:
    """Return the names of the variables that differ between `now` and the environment of the job.

    If `now` or the environment of the job is unknown, return no names. Raises StorageError.
    """
    if now is None or not _is_kept(backends.spec(job)):
        return ()
    try:
        return Environments(backends.config.home).read(job).differences(now)
    except (EnvironmentGone, ClusterError):
        return ()


def explain(job: Job, names: tuple[str, ...]) -> str:
    """Return the note for a submission that keeps the job's environment although the variables `names` differ."""
    named = ", ".join(printable(name) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        f"tasks keep the environment of the submission, which differs from the present environment in {named}{more}:"
        f" {command('reset', job.name, 'update')} runs the failed rows in the present environment,"
        f" {option('replace')} runs all rows"
    )


def check_environment(backends: Backends, job: Job, spec: JobSpec) -> None:
    """Raise EnvironmentGone if the stored environment of a job no longer exists and its tasks need it.

    A job whose fleet runs on another machine, or for another home folder, is not checked.
    """
    if _is_kept(spec) and is_own_fleet(backends.config, job.fleet):
        Environments(backends.config.home).read(job)


def renew_environment(backends: Backends, before: Job, spec: JobSpec, rule: ResetRule) -> Job:
    """Run the tasks that `rule` selects again, in the environment of this process. Return the job.

    The job gets a new revision. Raises UserError for a job in pods.
    """
    if not spec.local:
        raise UserError(
            f"{before.name} runs in a cluster, where tasks get no environment of a machine: submit the job"
            f" with {option('revise')} and other values of {option('env')}"
        )
    urls = [before.url, *(item.url for item in [*spec.inputs, *spec.row_inputs.values()])]
    after = replace(
        before, revision=before.revision + 1,
        fleet=backends.cluster_of(before).fleet(before.name, urls),
    )  # fmt: skip
    files = [parse_secret_file(text, Path("/")) for text in secret_files_of(backends, before)]
    keep(backends, after, environment_now(before.origin, files, spec.env))
    after = after.with_spec(write_spec(backends.files, after, replace(spec, local_env={})))
    # Consumers of the old fleet no longer serve the job. So their leases are broken if the fleet changes.
    rule = replace(rule, break_leases=rule.break_leases or after.fleet != before.fleet)

    def change(now: Job) -> Job:
        fresh = replace(now, revision=after.revision, spec_hashes=after.spec_hashes, fleet=after.fleet)
        return raise_needs(fresh, LOCAL_NEEDS)

    return backends.queue.reset(before.name, rule, change)


def _is_kept(spec: JobSpec) -> bool:
    """True if a file contains the environment of the job. False for jobs in pods and for jobs of kubeque before 0.3."""
    return spec.local and not spec.local_env


def user_name() -> str:
    """Return the name of the user of this process; empty if the system does not know it."""
    try:
        return printable(getpass.getuser())
    except (KeyError, OSError, ImportError):  # in a container, the user id may have no name
        return ""
