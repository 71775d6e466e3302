"""Names of options and commands as an author of a DAG writes them, for messages of Airflow tasks and DAGs."""

from __future__ import annotations

from kubeque.model.wording import Language

#: Arguments of operators in place of command-line options with another name or form.
_OPTIONS = {
    "repair": "on_clear='failed_rows'", "revise": "on_clear='changed'", "replace": "on_clear='all'", "name": "job_id",
    "volume": "volumes=['{}']", "env": "env={{...}}", "config": "the connection",
    "canaries": "canaries={}",
}  # fmt: skip
#: Counterparts of commands in a DAG. {} is the name of the job.
_COMMANDS = {
    "reset": "KubequeResetOperator(job_id={})", "kill": "KubequeKillOperator(job_id={})",
    "remove": "KubequeRemoveOperator(job_id={})", "watch": "KubequeJobSensor(job_id={})",
    "collect": "KubequeCollectOperator(job_id={})", "go": "KubequeGoOperator(job_id={})",
    "start": "KubequeStartClusterOperator",
    "priority": "the argument priority with at least", "resume": "KubequeHook().get_conn().resume({})",
}  # fmt: skip


def _option(name: str, value: str) -> str:
    if name in _OPTIONS:
        return _OPTIONS[name].format(value)
    return f"{name}={value!r}" if value else f"{name}=True"


def _command(verb: str, job: str, flags: tuple[str, ...]) -> str:
    if verb == "reset" and "update" in flags:
        return "a clear of the Airflow task that submits the job"
    text = _COMMANDS.get(verb, "the page of sweeps").format(repr(job) if job else "...")
    return text.replace(")", ", everything=True)") if "all" in flags else text


AIRFLOW = Language(_option, _command, _option)
