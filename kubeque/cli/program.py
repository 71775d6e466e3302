"""The program of the command line: find the subcommand, and turn errors into a one-line message and an exit code."""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from kubeque import __version__
from kubeque.cli.command_group import CommandGroup, describe_unknown_option, describe_usage
from kubeque.cli.command_names import COMMANDS, FUNCTIONS, GROUPS, OTHER_NAMES
from kubeque.cli.output.interrupt import SigintHandler, describe_interrupt
from kubeque.cli.output.streams import OutputError, standard_streams
from kubeque.model.errors import KubequeError
from kubeque.model.text import safe_text
from kubeque.model.wording import COMMAND_LINE, speaking

#: Environment variable in which a shell asks for completions.
_COMPLETE = "_KUBEQUE_COMPLETE"
#: Exit code if the program that reads the output has ended, for example `head`. Shells report the same code for a
#: program that SIGPIPE ended.
_READER_LEFT = 128 + signal.SIGPIPE
#: Pattern of click's error about unexpected words that are all indexes or ranges of indexes.
_EXTRA_INDEXES = re.compile(r"unexpected extra arguments? \(([\d ,-]*\d[\d ,-]*)\)")
#: Remedies for errors of the operating system, by errno. They are printed if a command does not handle such an error.
_REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: "make room on that disk, and repeat the command",
    errno.EDQUOT: "make room in the quota, and repeat the command",
    errno.EROFS: "make that disk writable, and repeat the command",
    errno.EMFILE: "allow more open files with ulimit -n, and repeat the command",
    errno.ENFILE: "end programs with many open files, and repeat the command",
    errno.ENOMEM: "end other programs or allow more memory, and repeat the command",
}


class _Lazy(CommandGroup):
    """A group that imports the module of a command only when the command is needed."""

    other_names = OTHER_NAMES

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"kubeque.cli.commands.{COMMANDS[cmd_name]}.{cmd_name.replace('-', '_')}")
        command: click.Command = getattr(module, FUNCTIONS.get(cmd_name, cmd_name))
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin with `incomplete`, without importing the modules of commands."""
        helps = {name: text for commands in GROUPS.values() for name, text in commands.items()}
        names = [CompletionItem(name, help=text) for name, text in helps.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group, commands in GROUPS.items():
            with formatter.section(group.capitalize()):
                formatter.write_dl(list(commands.items()), col_max=12)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="kubeque %(version)s")
@click.option(
    "--config",
    type=click.Path(),
    metavar="FILE",
    help="Configuration file (default: .kubeque in the current or the home folder).",
)
@click.pass_context
def kubeque(ctx: click.Context, config: str | None) -> None:
    """Run one command for each row of a table.

    A sweep is a queue of tasks. Consumers run the tasks and store the results. Without a .kubeque file, everything runs
    on this machine.
    """
    ctx.obj = config
    ctx.with_resource(speaking(COMMAND_LINE))
    if any(name.startswith("KUBEQUE_") and name != "KUBEQUE_HOME" for name in os.environ):
        from kubeque.model.config.ignored_variables import ignored_variables_note

        if note := ignored_variables_note(os.environ):
            click.echo(note, err=True)


def run(*, hears_interrupts: bool) -> int:
    """Run the command line and return its exit code.

    `hears_interrupts`: True to handle Ctrl-C; False if the parent process has made this process ignore Ctrl-C.
    """
    handler = SigintHandler()
    try:
        try:
            with standard_streams():
                if hears_interrupts:
                    signal.signal(signal.SIGINT, handler)
                if _COMPLETE in os.environ:
                    import_module("kubeque.cli.shell_scripts")
                code = kubeque.main(prog_name="kubeque", complete_var=_COMPLETE, standalone_mode=False)
        finally:
            handler.ignores = True  # the process is about to exit
    except (click.exceptions.Abort, KeyboardInterrupt) as stop:
        line = "\n" * os.isatty(2)  # ends the line in which the terminal shows ^C
        _complain(f"{line}kubeque: {describe_interrupt(stop)}")
        _leave_if_busy(130)
        return 130
    except click.ClickException as error:
        _complain(f"kubeque: {_format_error(error)}")
        return error.exit_code
    except OutputError as error:
        if error.reader_left:
            return _READER_LEFT
        _complain(f"kubeque: {error}")
        return error.exit_code
    except KubequeError as error:
        _complain(f"kubeque: {error}")
        return error.exit_code
    except (OSError, MemoryError) as error:
        number = error.errno if isinstance(error, OSError) else errno.ENOMEM
        if number is None or number not in _REMEDIES:
            raise
        name = getattr(error, "filename", None)
        where = f"{name}: " if isinstance(name, str) else ""
        _complain(f"kubeque: {where}{os.strerror(number)}: {_REMEDIES[number]}")
        return 1
    return code if isinstance(code, int) else 0


def _complain(line: str) -> None:
    """Print a line on standard error after the end of `standard_streams`. Ignore errors of standard error."""
    with suppress(OSError):
        click.echo(safe_text(line), err=True)


def _format_error(error: click.ClickException) -> str:
    """Return a usage error as one line. The line ends with a suggestion or with the `--help` command to run."""
    message = describe_unknown_option(error) if isinstance(error, click.NoSuchOption) else error.format_message()
    message += _index_hint(error)
    text = " ".join(message.split()).rstrip(".")
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if ctx is None:
        return text
    if isinstance(error, click.MissingParameter):
        text += f": write {describe_usage(ctx)}"
    see = "" if text.endswith("?") else f"; see {ctx.command_path} --help"
    return f"{text[:1].lower()}{text[1:]}{see}"


def _index_hint(error: click.ClickException) -> str:
    """Return a hint with the right `--index` option if the user typed indexes as separate words: `--index 1 2`.

    Return an empty text for another error, and for a command without `--index`.
    """
    ctx, found = getattr(error, "ctx", None), _EXTRA_INDEXES.search(error.format_message())
    option = next((param for param in ctx.command.params if "--index" in param.opts), None) if ctx else None
    if ctx is None or option is None or found is None:
        return ""
    given = f"{ctx.params.get(option.name) or ''} {found[1]}"
    return f": did you mean --index {','.join(given.replace(',', ' ').split())}?"


def _leave_if_busy(code: int) -> None:
    """Exit at once if threads still wait for a store that does not answer. Such threads leave no partial files."""
    if threading.active_count() > 1:
        os._exit(code)
