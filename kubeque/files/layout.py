"""The paths in a job's folder and in the content-addressed store. No other module writes or parses these paths.

{default_url_prefix}/{job name}/{uid}/      a job's folder
    job.json                                the queue of the job
    spec-{revision}.json                    spec of a revision: command, inputs and options
    pages/{number}.json                     rows, up to 1,000 in a page
    keys-{revision}.bin                     row keys, for a series
    links.json                              the results of other jobs that this job links to
    logs/{index}/{attempt}-{nonce}.json     last output of an attempt while it runs
    tasks/{index}/{attempt}-{nonce}/        an attempt: result.json, stdout.txt, stderr.txt, files/
    results-{run}.csv, report-{run}.html    table and report of a run that has ended
{cas_url_prefix}/{sha256}                   an input
    .users/{digest of a results prefix}     a results prefix with specs that may use these inputs
    .clearing                               lock of the process that deletes unused inputs
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from kubeque.files.urls import base_name, join
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.job.task import Outcome

_OWNER = "job.json"
_TASKS = "tasks"
_UID = re.compile(r"[a-kmnp-z2-9]{12}")
_SPEC = re.compile(r"spec-\d+\.json")
_RESULT = "result.json"
_INDEX = re.compile(r"\d{1,9}", re.ASCII)
_ATTEMPT = re.compile(r"\d{1,12}-[A-Za-z0-9]{1,64}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")


# ------------------------------------------------------------------ the folder of a job
def job_folder_url(prefix: str, name: str, uid: str) -> str:
    """Return the URL of a job's folder below the results prefix `prefix`."""
    return join(prefix, name, uid)


def is_uid(name: str) -> bool:
    """True if `name` has the form of a job's uid. The uid of a job is the name of its folder."""
    return bool(_UID.fullmatch(name))


def is_job_folder(url: str) -> bool:
    """True if `url` has the form of the URL of a job's folder: `{prefix}/{name}/{uid}`, without `.` and `..`."""
    prefix, name = prefix_of(url), base_name(url.rpartition("/")[0])
    safe = not {".", ".."} & set(url.split("/")) and name != ""
    return safe and is_uid(uid_of(url)) and url == job_folder_url(prefix, name, uid_of(url))


def prefix_of(job_url: str) -> str:
    """Return the results prefix in the URL of a job's folder."""
    return job_url.rpartition("/")[0].rpartition("/")[0]


def uid_of(url: str) -> str:
    """Return the uid in the URL of a job's folder."""
    return base_name(url)


def owner_url(job_url: str) -> str:
    """Return the URL of job.json, the file that names the queue of the job."""
    return join(job_url, _OWNER)


def spec_url(job: Job, revision: int | None = None) -> str:
    """Return the URL of the spec of a job's revision. `revision`: None for the current revision."""
    return join(job.url, f"spec-{job.revision if revision is None else revision}.json")


def is_spec(name: str) -> bool:
    """True if the file `name` in a job's folder is a spec."""
    return bool(_SPEC.fullmatch(name))


def page_url(job_url: str, number: int) -> str:
    """Return the URL of a page of rows. Pages are numbered from 0."""
    return join(pages_url(job_url), page_name(number))


def pages_url(job_url: str) -> str:
    """Return the URL of the folder with the pages of rows of a job."""
    return join(job_url, "pages")


def page_name(number: int) -> str:
    """Return the file name of a page of rows."""
    return f"{number}.json"


def keys_url(job: Job, revision: int) -> str:
    """Return the URL of the file with the row keys of a revision.

    The file has KEY_BYTES bytes for each row, in the order of the rows.
    """
    return join(job.url, f"keys-{revision}.bin")


def links_url(job: Job) -> str:
    """Return the URL of links.json, the list of the results in other jobs that a job links to."""
    return join(job.url, "links.json")


def table_url(job: Job) -> str:
    """Return the URL of the results table of the job's current run. The file exists once the run has ended."""
    return join(job.url, table_name(job))


def table_name(job: Job) -> str:
    """Return the file name of the results table of the job's current run."""
    return f"results-{job.run}.csv"


def report_url(job: Job) -> str:
    """Return the URL of the report of the job's current run. The file exists once the run has ended."""
    return join(job.url, report_name(job))


def report_name(job: Job) -> str:
    """Return the file name of the report of the job's current run."""
    return f"report-{job.run}.html"


# ------------------------------------------------------------------ the results of a task
def task_url(job: Job, index: int) -> str:
    """Return the URL of the folder with all attempts of a task that ran in this job. Not for a linked task."""
    return join(job.url, _TASKS, str(index))


def tasks_url(job: Job) -> str:
    """Return the URL of the folder with the attempts of all tasks that ran in this job."""
    return join(job.url, _TASKS)


def split_result_name(name: str) -> tuple[int, int, str] | None:
    """Return the index of the task, the number of the attempt and the name of its folder; None for any other name.

    `name`: name of a result.json, relative to the folder of `tasks_url`.
    """
    index, _, rest = name.partition("/")
    folder, _, file = rest.partition("/")
    number = attempt_number(folder)
    if file != _RESULT or number is None or not _INDEX.fullmatch(index) or not _ATTEMPT.fullmatch(folder):
        return None
    return int(index), number, folder


def split_task_url(url: str) -> tuple[str, int]:
    """Return the URL of the job's folder and the index of the task in a URL that `task_url` returned.

    Raises ValueError for any other URL.
    """
    job_url, _, index = url.rpartition(f"/{_TASKS}/")
    return job_url, int(index)


def is_shared(name: str, indexes: set[int]) -> bool:
    """True if a file belongs to one of the tasks in `indexes`. `name`: path relative to the job's folder."""
    folder, _, rest = name.partition("/")
    index = rest.partition("/")[0]
    return folder == _TASKS and index.isdecimal() and int(index) in indexes


def is_tasks(name: str) -> bool:
    """True if a folder in a job's folder has the attempts of tasks. `name`: name of the folder."""
    return name == _TASKS


def is_owner(name: str) -> bool:
    """True if a file is job.json, which names the queue of the job. `name`: path relative to the job's folder."""
    return name == _OWNER


def attempt_name(attempt: int, nonce: str) -> str:
    """Return the name of an attempt's folder. `attempt`: number of the attempt. `nonce`: nonce of the lease.

    No other consumer uses this name, because each lease has its own nonce.
    """
    return f"{attempt}-{nonce}"


def attempt_number(name: str) -> int | None:
    """Return the number of the attempt in a name that `attempt_name` returned; None for any other name."""
    number = name.partition("-")[0]
    return int(number) if number.isdecimal() else None


def attempt_url(job: Job, index: int, name: str) -> str:
    """Return the URL of the folder of one attempt of a task that ran in this job. Not for a linked task.

    `name`: name of the folder, from `attempt_name`.
    """
    return join(task_url(job, index), name)


def result_url(job: Job, outcome: Outcome | None) -> str:
    """Return the URL of the attempt folder with the result of an outcome; empty if nothing was stored.

    For a linked task, the result is in the folder of an earlier job. So all readers of results call this function.
    """
    if outcome is None or not outcome.folder:
        return ""
    return join(outcome.linked or task_url(job, outcome.index), outcome.folder)


def manifest_url(attempt_url: str) -> str:
    """Return the URL of the manifest of an attempt, result.json.

    The manifest is written last. An attempt without a manifest has no result.
    """
    return join(attempt_url, _RESULT)


def output_url(attempt_url: str, name: str) -> str:
    """Return the URL of a stored file that the task wrote. `name`: relative name, which must be safe (`safe_name`)."""
    return join(attempt_url, "files", name)


def stream_name(stream: str) -> str:
    """Return the name of the stored file of a stream. `stream`: "stdout" or "stderr"."""
    return f"{stream}.txt"


def stream_url(attempt_url: str, stream: str) -> str:
    """Return the URL of the stored file of a stream. `stream`: "stdout" or "stderr".

    The file exists only if the stream is too long for the manifest. Otherwise the manifest has the text of the stream.
    """
    return join(attempt_url, stream_name(stream))


def logs_url(job_url: str, index: int) -> str:
    """Return the URL of the folder with the live logs of a task's attempts."""
    return join(job_url, "logs", str(index))


def log_url(job_url: str, index: int, attempt: str) -> str:
    """Return the URL of the live log of an attempt. `attempt`: name of the attempt's folder, from `attempt_name`."""
    return join(logs_url(job_url, index), f"{attempt}.json")


def attempt_of_log(name: str) -> str:
    """Return the name of the attempt's folder (`attempt_name`) in the file name of a live log."""
    return name.removesuffix(".json")


# ------------------------------------------------------------------ inputs
def input_names(spec: JobSpec, row: Mapping[str, str]) -> dict[str, str]:
    """Return, for each `^` word of the command, the name of its file in the working directory.

    The keys of the result are the `^` words, with the values of the row inserted.
    """
    rendered = [word.render(row) for word in spec.command if word.upload]
    return {path: spec.row_inputs[path].name if path in spec.row_inputs else base_name(path) for path in rendered}


def input_url(cas_prefix: str, digest: str) -> str:
    """Return the URL of the input with this SHA-256 (hex)."""
    return join(cas_prefix, digest)


def is_input(name: str) -> bool:
    """True if a file of the content-addressed store is an input. `name`: name of the file."""
    return bool(_DIGEST.fullmatch(name))


def clearing_url(cas_prefix: str) -> str:
    """Return the URL of the lock file of the process that deletes unused inputs."""
    return join(cas_prefix, ".clearing")


def users_url(cas_prefix: str) -> str:
    """Return the URL of the folder that registers the users of a content-addressed store.

    The folder has one file for each results prefix with jobs that may use the inputs in this store.
    """
    return join(cas_prefix, ".users")


def user_url(cas_prefix: str, results_prefix: str) -> str:
    """Return the URL of the file that registers a results prefix as a user of a content-addressed store."""
    return join(users_url(cas_prefix), hashlib.sha256(results_prefix.encode()).hexdigest()[:16])
