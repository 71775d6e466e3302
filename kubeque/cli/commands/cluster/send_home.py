"""`kubeque send-home`: ask consumers of `kubeque work` to leave after their task."""

from __future__ import annotations

import json

import click

from kubeque.cli.connect import connect, json_option
from kubeque.cli.output.terminal import terminal_text
from kubeque.model.text import format_count


@click.command("send-home")
@click.argument("place", metavar="PLACE|CONSUMER")
@json_option
@click.pass_context
def send_home(ctx: click.Context, place: str, as_json: bool) -> None:
    """Ask all consumers of kubeque work at PLACE, or one CONSUMER, to leave after their present task.

    PLACE is the name of a machine, and CONSUMER the name of a consumer, as kubeque consumers lists them. No task is
    charged. The consumers notice the request within five seconds, also on machines that only the queue reaches.
    kubeque scale governs the consumers of the sweep's own cluster.
    """
    with connect(ctx) as client:
        asked = client.send_home(place)
    if as_json:
        click.echo(json.dumps({"consumers": asked}))
        return
    verb = "leaves after its task" if len(asked) == 1 else "leave after their tasks"
    click.echo(f"{terminal_text(place)}: {format_count(len(asked), 'consumer')} {verb}")
