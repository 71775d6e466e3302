"""`kubeque start`: show and check the configuration; create the cluster on GKE."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kubeque.cli.commands.cluster.hosting import machine_fields, machine_options, open_hosted
from kubeque.cli.connect import configuration, connect, json_option
from kubeque.cli.output.terminal import print_finding, terminal_text
from kubeque.client import is_hosted
from kubeque.model.config.config import Config
from kubeque.model.config.node_pools import first_pools
from kubeque.model.errors import UserError

if TYPE_CHECKING:
    from kubeque.client import Part


@click.command()
@click.option(
    "--nodes",
    metavar="N[:MAX]",
    help="On GKE: number of permanent nodes, for example 3, or a range such as 1:5 (default: 1).",
)
@click.option(
    "--spot-nodes",
    metavar="MIN:MAX",
    help="On GKE: number of spot nodes, for example 0:20; Google may take them away (default: none).",
)
@machine_options
@json_option
@click.pass_context
def start(ctx: click.Context, /, nodes: str | None, spot_nodes: str | None, as_json: bool, **machines: Any) -> int:
    """Show the configuration and check it; on GKE, create the cluster. On one machine this command is not needed.

    If .kubeque sets project and cluster_name, create the missing parts on GKE: bucket, database, service account and
    cluster. The cluster costs money until kubeque stop --delete-cluster deletes it. If you have no permission to create
    a part, print the command that creates it, so that a person with the permission can run it. Exit code: 0 all parts
    exist, 1 a part is missing.
    """
    config = configuration(ctx)
    explicit = nodes is not None or spot_nodes is not None or any(value is not None for value in machines.values())
    if is_hosted(config.cluster_url):
        return _start_hosted(config, nodes, spot_nodes, machines, explicit=explicit, as_json=as_json)
    if explicit:
        raise UserError(
            f"cluster_url is {config.cluster_url}, but only a cluster on GKE has nodes that kubeque manages:"
            " set project and cluster_name in .kubeque"
        )
    with connect(ctx) as client:
        if as_json:
            click.echo(json.dumps(client.config.as_dict()))
            return 0
        click.echo(client.config.describe())
        if hint := client.start_hint():
            click.echo(hint)
    return 0


def _start_hosted(
    config: Config, nodes: str | None, spot_nodes: str | None, machines: dict[str, Any], *, explicit: bool,
    as_json: bool,
) -> int:  # fmt: skip
    pools = first_pools(config, nodes or "1", spot_nodes, **machine_fields(machines))
    if not as_json:
        click.echo(config.describe())
    parts: list[Part] = []
    with open_hosted(
        config, "Google continues to create the cluster: run kubeque start again to wait for the end"
    ) as hosted:
        for part in hosted.start(pools, asked=explicit):
            parts.append(part)
            if not as_json:
                _print_part(part)
    if as_json:
        click.echo(json.dumps(config.as_dict() | {"parts": [asdict(part) for part in parts]}))
    elif missing := [part.command for part in parts if part.command]:
        click.echo("\nA user with the permissions must run these commands before the next kubeque start:\n")
        click.echo("\n".join(missing))
    return 0 if all(part.ok for part in parts) else 1


def _print_part(part: Part) -> None:
    word = "ok     " if part.ok else "MISSING"
    print_finding(word, part.ok, f"{part.what:<9}  {terminal_text(part.text, 700)}")
