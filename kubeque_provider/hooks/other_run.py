"""Log that an Airflow task waits for a job, or reads a job, that its own DAG run did not submit."""

from __future__ import annotations

from typing import Any

from kubeque.model.job.job import Job
from kubeque.model.text import printable
from kubeque_provider.airflow_versions import is_mapped, task_key
from kubeque_provider.downstream import has_submit_upstream
from kubeque_provider.templating import has_jinja

_CHARACTERS = 120


def is_fixed_name(operator: Any, job_id: Any) -> bool:
    """True if the DAG file gives the argument `job_id` as a plain name: not a template, a pointer or a mapped value."""
    return isinstance(job_id, str) and not has_jinja(job_id) and not is_mapped(operator)


def log_other_run(operator: Any, job: Job, context: Any, verb: str, *, fixed: bool) -> None:
    """Log the DAG and the run that submitted a job, if the running Airflow task belongs to another DAG or run.

    The line is a warning if `job_id` is a fixed name and no submission upstream has this name. Otherwise the author of
    the DAG chose the other run, for example with a template that reads the event of an asset. `verb`: `waits for` or
    `reads`. `fixed`: see `is_fixed_name`.
    """
    dag, run, _, _ = task_key(context)
    origin = job.origin
    if "dag" not in origin:
        if not has_submit_upstream(operator, job.name):
            operator.log.info("this Airflow task %s the job %s, which no Airflow task submitted", verb, job.name)
        return
    if (origin["dag"], origin.get("run")) == (dag, run):
        return
    maker = (
        f"this Airflow task {verb} the job {job.name} of the DAG {printable(origin['dag'], _CHARACTERS)}, run"
        f" {printable(origin.get('run', '?'), _CHARACTERS)}, not of this run"
    )
    if fixed and not has_submit_upstream(operator, job.name):
        operator.log.warning(
            "%s: pass the output of the submission, for example job_id=submit.output. If another DAG submits the job,"
            " take job_id from the event of its asset, or from a template", maker,
        )  # fmt: skip
    else:
        operator.log.info("%s", maker)
