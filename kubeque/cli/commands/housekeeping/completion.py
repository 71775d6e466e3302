"""`kubeque completion`: print the shell script that completes commands, options and job names."""

from __future__ import annotations

import click

from kubeque.cli.shell_scripts import completion_class

_SHELLS = click.Choice(["bash", "zsh", "fish"])


@click.command()
@click.argument("shell", type=_SHELLS)
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  echo 'eval "$(kubeque completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(kubeque completion zsh)"' >> ~/.zshrc
    fish:  kubeque completion fish > ~/.config/fish/completions/kubeque.fish
    """
    click.echo(completion_class(shell)(ctx.find_root().command, {}, "kubeque", "_KUBEQUE_COMPLETE").source())
