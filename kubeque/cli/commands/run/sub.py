"""`kubeque sub`: submit a sweep and watch it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import click

from kubeque.cli.after_submission import after_submission, after_the_end
from kubeque.cli.commands.results.fetch import fetch_results
from kubeque.cli.commands.run.confirm_change import confirm_change
from kubeque.cli.commands.run.go import print_estimate
from kubeque.cli.commands.run.trial import confirm_rest, format_trial, refuse_trial, spread_words
from kubeque.cli.commands.watch.watch import follow, print_end
from kubeque.cli.completion import complete_files, complete_words
from kubeque.cli.connect import connect, json_option
from kubeque.cli.directives import Directives, read_directives
from kubeque.cli.grouped_help import GroupedCommand
from kubeque.cli.output.interrupt import Interrupted, on_interrupt
from kubeque.cli.output.progress_bar import show_transfer
from kubeque.cli.output.terminal import terminal_text
from kubeque.cli.sweep_options import sweep_options, to_jobspec
from kubeque.cli.sweep_request import make_sweep, read_request, stale_note
from kubeque.client import Client, Effect, Existing, Plan, Submitted
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import JobNotFound, UserError
from kubeque.model.job.job import Job
from kubeque.model.quantities import format_bytes
from kubeque.model.sweep.jobspec import Jobspec
from kubeque.model.sweep.options import GROUPS, VERSION
from kubeque.model.sweep.sweep import Sweep, with_name
from kubeque.model.text import escape_json, format_count

_NOTHING = "interrupted; nothing was submitted: the same command again uploads only missing files"


_EXAMPLES = (
    "kubeque sub --grid lr=0.1,0.01 --grid seed=1..5 python3 '^train.py' {lr} {seed}",
    "kubeque sub -n render -p scenes.csv --memory 2Gi --try 3 --fetch out python3 '^render.py' {scene}",
    "kubeque sub -f jobspec.json --revise --retry-causes lost=5 --no-wait",
)


@click.command(
    cls=GroupedCommand,
    groups=[group.title for group in GROUPS],
    examples=_EXAMPLES,
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@click.option(
    "-f", "--file", metavar="JOBSPEC", shell_complete=complete_files,
    help="Jobspec: a JSON file with these options; options on the command line override it.",
)  # fmt: skip
@sweep_options
@click.option(
    "--yes",
    is_flag=True,
    help="Do not ask: run ok rows again or remove them; with --try, run the rest if no row failed.",
)
@click.option(
    "--repair", is_flag=True, help="Change the existing job NAME; of all its rows, run only those that are not ok."
)
@click.option("--revise", is_flag=True, help="Change the existing job NAME; run failed and changed rows.")
@click.option("--replace", is_flag=True, help="Change the existing job NAME; run all rows.")
@click.option("--force", is_flag=True, help="With --fetch: use DEST even if it holds other files.")
@click.option("--no-directives", is_flag=True, help="Ignore the options in #KUBEQUE lines at the start of the program.")
@click.option("--dry-run", is_flag=True, help="Print the jobspec and the plan; submit nothing.")
@json_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED, shell_complete=complete_words)
@click.pass_context
def sub(
    ctx: click.Context, /, command: Sequence[str], file: str | None, repair: bool, revise: bool, replace: bool,
    force: bool, dry_run: bool, yes: bool, as_json: bool, no_directives: bool, **options: Any,
) -> int:  # fmt: skip
    """Submit a sweep, and watch it until it ends. The sweep runs COMMAND once for each row.

    In COMMAND, {column} inserts a value of the row, and ^file uploads a file. With --shell, do not quote ^file inside
    the shell command: --shell 'python3 ^run.py {x} | tee o.txt'. A literal brace is \\{, for example in awk '\\{print
    $1}'. A task can write values for the table to the file $KUBEQUE_OUT, as one flat JSON object: {"loss": 0.5}.

    Write options before COMMAND, because all words after the first word of COMMAND are its arguments. Exit code: 0
    success, 1 failed tasks, 2 wrong input, 130 interrupted.
    """
    existing = _existing({Existing.REPAIR: repair, Existing.REVISE: revise, Existing.REPLACE: replace})
    typed = to_jobspec(options)
    asked = read_request(command, typed, file)
    directives = Directives() if no_directives else read_directives(asked)
    jobspec = directives.below(asked)
    if force and "fetch" not in jobspec:
        raise UserError("--force has no effect without --fetch: add --fetch DEST, or leave out --force")
    with on_interrupt(_NOTHING) as interrupt, connect(ctx, cluster=jobspec.get("cluster")) as client:
        sweep = with_name(make_sweep(client, jobspec))
        if sweep.canaries and existing is not Existing.REFUSE:
            raise UserError(refuse_trial(sweep.name or "NAME", existing))
        for note in filter(
            None, [directives.describe(asked), stale_note(client, jobspec, sweep), *client.advice(sweep)]
        ):
            click.echo(note, err=True)
        target = _check_target(client, jobspec, sweep, force=force)
        if dry_run:
            _print_plan(jobspec, client.plan(sweep, existing=existing, typed=typed), as_json)
            return 0
        submitted = _submit(client, sweep, existing, typed, partial(confirm_change, yes=yes))
        later = target.describe(submitted.job.name) if target is not None else ""
        interrupt.message = f"{_interrupted_after(submitted.job.name)}{later}"
        with after_submission(submitted.job.name, later):
            _print_submitted(submitted, as_json=as_json)
            for warning in client.version_warnings(submitted.job):
                click.echo(warning, err=True)
            return _follow(client, submitted, jobspec, target, yes=yes, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Target:
    """Destination to which the results are fetched at the end of the job."""

    dest: str
    force: bool
    #: uid of the job that had the same name before the submission; empty if there was none.
    before: str

    def command(self, name: str) -> str:
        """Return the command that fetches the results of the job `name` later."""
        return shlex.join(["kubeque", "fetch", name, self.dest, *(["--force"] if self.force else [])])

    def describe(self, name: str) -> str:
        """Return a text for a message: this command fetches nothing, and which command fetches the results later."""
        return f"; nothing is fetched: {self.command(name)} fetches the results after the end"

    def fetch(self, client: Client, name: str, *, quiet: bool) -> None:
        fetch_results(client, name, self.dest, force=self.force, replaces=self.before, quiet=quiet)


def _check_target(client: Client, jobspec: Jobspec, sweep: Sweep, *, force: bool) -> _Target | None:
    """Check and return the destination of the results, before the job is submitted; None without `--fetch`.

    Raises DestinationError if results cannot be fetched into the destination. Raises StorageError.
    """
    if "fetch" not in jobspec:
        return None
    assert sweep.name is not None
    dest = jobspec["fetch"]
    return _Target(dest, force, client.check_destination(dest, sweep.name, force=force))


def _print_submitted(submitted: Submitted, *, as_json: bool) -> None:
    if not as_json:
        click.echo(_format_submitted(submitted))
    if submitted.canaries:
        click.echo(f"{submitted.job.name}: {format_trial(submitted.canaries)}", err=True)
    for note in submitted.notes:
        click.echo(f"{submitted.job.name}: {note}", err=True)
    if submitted.note:
        click.echo(f"{submitted.job.name}: no row is linked: {submitted.note}", err=True)
    if submitted.job.paused:
        name = submitted.job.name
        click.echo(f"{name} is paused: kubeque resume {name} lets its tasks start", err=True)
    if submitted.unkept and not as_json:
        click.echo(_format_unkept(submitted), err=True)


def _existing(given: Mapping[Existing, bool]) -> Existing:
    """Return the member of `Existing` that the options choose; REFUSE without such an option.

    Raises UserError for more than one option.
    """
    chosen = [existing for existing, is_given in given.items() if is_given]
    if len(chosen) > 1:
        flags = " and ".join(f"--{existing.value}" for existing in chosen)
        raise UserError(f"{flags} exclude each other: give one of them")
    return chosen[0] if chosen else Existing.REFUSE


def _submit(
    client: Client, sweep: Sweep, existing: Existing, typed: Jobspec, confirm: Callable[[Effect], bool]
) -> Submitted:
    """Submit a sweep that has a name.

    On Ctrl-C, look up in the queue whether the job was submitted, and raise Interrupted with a message that says so.
    """
    assert sweep.name is not None
    before = _find(client, sweep.name)
    # The first Ctrl-C and a second one are handled below. A third one raises Interrupted with this message.
    with on_interrupt(f"interrupted; {sweep.name} may be submitted: kubeque list shows if the job exists"):
        try:
            with show_transfer("uploading", "files") as tell:
                return client.submit(sweep, existing=existing, progress=tell, typed=typed, confirm=confirm)
        except click.Abort:
            raise Interrupted(_NOTHING) from None
        except KeyboardInterrupt:
            try:
                now = _find(client, sweep.name)
            except KeyboardInterrupt:  # a second Ctrl-C
                now = _find(client, sweep.name)
            made = now is not None and (before is None or (now.uid, now.run) != (before.uid, before.run))
            raise Interrupted(_interrupted_after(sweep.name) if made else _NOTHING) from None


def _find(client: Client, name: str) -> Job | None:
    try:
        return client.job(name)
    except JobNotFound:
        return None


def _interrupted_after(name: str) -> str:
    return f"interrupted; {name} is submitted and continues: kubeque watch {name}, or kubeque kill {name}"


def _follow(
    client: Client, submitted: Submitted, jobspec: Jobspec, target: _Target | None, *, yes: bool, as_json: bool
) -> int:
    """Wait for a submitted job, ask about its held rows, and fetch its results. Return the exit code.

    `jobspec`: if its option `no_wait` is set, return at once. `target`: destination of the results; None to fetch
    nothing. `yes`: True to run the held rows without a question if no row has failed.
    """
    name = submitted.job.name
    if jobspec.get("no_wait"):
        if target is not None:
            later = f"to fetch the results later: {target.command(name)}"
            click.echo(f"{name}: --no-wait returns before the results exist; {later}", err=True)
        if as_json:
            click.echo(json.dumps({"job": name, "uid": submitted.job.uid, "tasks": submitted.job.n}))
        return 0
    later = target.describe(name) if target is not None else ""
    last = follow(client, name, as_json=as_json, later=later)
    if last.held:
        print_estimate(client, last, err=as_json)
        if not confirm_rest(last, later, yes=yes):
            return print_end(client, last, as_json=as_json, later=later)
        client.go(name)
        last = follow(client, name, as_json=as_json, later=later)
    code = print_end(client, last, as_json=as_json, fetches=target is not None)
    if target is not None:
        with after_the_end(name, "some tasks failed" if code else "success"):
            target.fetch(client, name, quiet=as_json)
    return code


def _format_submitted(submitted: Submitted) -> str:
    job = submitted.job
    tasks = format_count(job.n, "task")
    what = {"made": "submitted", "adopted": f"{'exists' if job.n == 1 else 'exist'} already, unchanged"}.get(
        submitted.what, submitted.what
    )
    done = f", {job.linked} of them linked to earlier jobs" if job.linked and submitted.what != "adopted" else ""
    first = f", {job.canaries} of them first" if job.canaries else ""
    if submitted.effect is not None and submitted.what != "adopted":
        runs = submitted.effect.run + submitted.effect.again
        return f"{job.name}: {what}: {runs} of {tasks} run{'s' * (runs == 1)}"
    return f"{job.name}: {tasks} {what}{done}{first}"


def _format_unkept(submitted: Submitted) -> str:
    name = submitted.job.name
    return (
        f"{name}: the job has no keeper, so run kubeque watch {name} to replace pods, add memory and write the table:"
        f" {submitted.unkept} (docs/howto/kubernetes.md)"
    )


def _print_plan(jobspec: Jobspec, plan: Plan, as_json: bool) -> None:
    """Print the jobspec to stdout and the plan to stderr. With `as_json`, print one object with them to stdout."""
    jobspec = {"version": VERSION, **jobspec}
    if as_json:
        click.echo(json.dumps({"jobspec": jobspec, "plan": plan.to_wire()}))
        return
    click.echo(escape_json(json.dumps(jobspec, indent=2, ensure_ascii=False)))
    for line in _plan_lines(jobspec, plan):
        click.echo(line, err=True)


def _plan_lines(jobspec: Jobspec, plan: Plan) -> list[str]:
    lines = [f"{format_count(plan.tasks, 'task')} for {format_count(plan.consumers, 'consumer')}"]
    if plan.contents:
        lines.append(
            f"{format_count(plan.contents, 'input file')} ({format_bytes(plan.bytes)}B), {plan.there} of"
            f" them stored already: {format_bytes(plan.bytes_to_send)}B would be uploaded"
        )
    if jobspec.get("try", plan.tasks) < plan.tasks:
        lines.append(f"{jobspec['try']} of the tasks run first: {spread_words(jobspec['try'])}")
    lines += [f"  {index}: {terminal_text(shlex.join(command))}" for index, command in enumerate(plan.commands)]
    if plan.tasks > len(plan.commands):
        lines.append(f"  ... and {plan.tasks - len(plan.commands)} more")
    if plan.name != "new":
        state = {
            "unchanged": "exists already, unchanged",
            "taken": "is taken: add --repair, --revise or --replace",
        }
        lines.append(str(plan.effect) if plan.effect else f"the name {jobspec['name']} {state[plan.name]}")
    return [*lines, *plan.notes, "nothing was submitted"]
