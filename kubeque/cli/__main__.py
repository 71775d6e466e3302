"""The `kubeque` command: finds the subcommand, and turns errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module

import click

from kubeque import __version__
from kubeque.cli.output.interrupt import Interrupted, ignore_interrupts
from kubeque.model.errors import KubequeError

#: Subcommand -> (module, function, help). A module is imported when its command is run, so that --help answers at once.
COMMANDS = {
    "sub": ("kubeque.cli.commands.run.sub", "sub", "Submit a sweep and watch it."),
    "status": ("kubeque.cli.commands.watch.status", "status", "How jobs stand, or the tasks of one."),
    "list": ("kubeque.cli.commands.watch.status", "list_jobs", "All jobs."),
    "show": ("kubeque.cli.commands.watch.show", "show", "All about a job or a task, or the best tasks of a job."),
    "watch": ("kubeque.cli.commands.watch.watch", "watch", "Watch a job until it has ended."),
    "peek": ("kubeque.cli.commands.watch.peek", "peek", "What a task writes, also while it runs."),
    "replay": ("kubeque.cli.commands.repair.replay", "replay", "A task again, here, and whether it ends the same."),
    "params": ("kubeque.cli.commands.run.params", "params", "The rows of a job as CSV, to sweep over again."),
    "fetch": ("kubeque.cli.commands.results.fetch", "fetch", "Bring the results of a job into a folder."),
    "collect": ("kubeque.cli.commands.results.collect", "collect", "Write the table of a job as CSV or Parquet."),
    "report": ("kubeque.cli.commands.results.report", "report", "Write a page about a job."),
    "timeline": ("kubeque.cli.commands.results.timeline", "timeline", "Draw what ran where and when."),
    "kill": ("kubeque.cli.commands.repair.control", "kill", "Let nothing more of a job run."),
    "go": ("kubeque.cli.commands.run.go", "go", "Let the rest of a job run, after sub --try."),
    "reset": ("kubeque.cli.commands.repair.control", "reset", "Let failed tasks run again."),
    "scale": ("kubeque.cli.commands.repair.control", "scale", "Let more or fewer consumers serve a job."),
    "priority": ("kubeque.cli.commands.repair.control", "priority", "Let consumers prefer a job, or put it off."),
    "remove": ("kubeque.cli.commands.repair.control", "remove", "Delete a job and its results."),
    "gc": ("kubeque.cli.commands.housekeeping.gc", "gc", "Clear away results and inputs that nobody needs."),
    "start": ("kubeque.cli.commands.cluster.gke", "start", "Say what sweeps run on, and make it where it is on GKE."),
    "doctor": (
        "kubeque.cli.commands.housekeeping.doctor",
        "doctor",
        "What is wrong: with queue, store and cluster, or with a job.",
    ),
    "completion": ("kubeque.cli.commands.housekeeping.completion", "completion", "Completion for bash, zsh and fish."),
    "resize": ("kubeque.cli.commands.cluster.gke", "resize", "Let a GKE cluster have more nodes, or fewer."),
    "pool": ("kubeque.cli.commands.cluster.gke", "pool", "The node pools of a GKE cluster."),
    "stop": ("kubeque.cli.commands.cluster.gke", "stop", "End the consumers, or delete the GKE cluster."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="kubeque %(version)s")
@click.option("--config", type=click.Path(), help="Read this file instead of .kubeque in . or ~")
@click.pass_context
def kubeque(ctx: click.Context, config: str | None) -> None:
    """Run one command over the rows of a table.

    A sweep becomes a queue of tasks; consumers run them, and the results come back. With no .kubeque file everything
    happens on this machine.
    """
    ctx.obj = config


def main() -> None:
    """Run the command line; exit 1 for failed tasks, 2 for wrong usage or input, 130 for Ctrl-C."""
    try:
        code = kubeque.main(prog_name="kubeque", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt) as stop:
        ignore_interrupts()
        line = "\n" * sys.stderr.isatty()  # what the terminal shows of Ctrl-C stands before it
        click.echo(f"{line}kubeque: {stop if isinstance(stop, Interrupted) else 'interrupted'}", err=True)
        _leave(130)
    except click.ClickException as error:
        click.echo(f"kubeque: {_in_one_line(error)}", err=True)
        sys.exit(error.exit_code)
    except KubequeError as error:
        click.echo(f"kubeque: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _in_one_line(error: click.ClickException) -> str:
    """What is wrong with the words, and where it stands how they should be."""
    said = " ".join(error.format_message().split()).rstrip(".")
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    return f"{said[:1].lower()}{said[1:]}; see {ctx.command_path} --help" if ctx else said


def _leave(code: int) -> None:
    """Exit at once, also while threads wait for a store that does not answer: nothing of theirs is half-written."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code) if threading.active_count() > 1 else sys.exit(code)


if __name__ == "__main__":
    main()
