"""`kubeque pool`: manage the node pools of the GKE cluster."""

from __future__ import annotations

import json
from typing import Any

import click

from kubeque.cli.command_group import CommandGroup
from kubeque.cli.commands.cluster.hosting import (
    machine_fields,
    machine_options,
    open_hosted,
    print_pool,
    resize_pool,
)
from kubeque.cli.connect import configuration, json_option, yes_option
from kubeque.cli.output.interrupt import confirm
from kubeque.model.config.node_pools import read_pool


@click.group(cls=CommandGroup)
def pool() -> None:
    """Manage the node pools of the GKE cluster. All machines of a pool are of the same type."""


@pool.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_context
def list_pools(ctx: click.Context, as_json: bool) -> None:
    """List the pools with their nodes and machines."""
    with open_hosted(configuration(ctx)) as hosted:
        for seen in hosted.pools():
            print_pool(seen, as_json=as_json)


@pool.command("add")
@click.argument("name")
@click.option(
    "--nodes",
    metavar="N[:MAX]",
    default="0:10",
    help="Number of nodes, for example 3, or a range such as 0:20 (default: 0:10).",
)
@click.option(
    "--spot", is_flag=True, help="Use spot machines, which Google may take away; only jobs with --spot run there."
)
@machine_options
@json_option
@click.pass_context
def add_pool(ctx: click.Context, /, name: str, nodes: str, spot: bool, as_json: bool, **machines: Any) -> None:
    """Add the pool NAME to the cluster."""
    config = configuration(ctx)
    wanted = read_pool(config, name, nodes, spot=spot, **machine_fields(machines))
    with open_hosted(config, f"Google still adds the pool {name}") as hosted:
        seen = hosted.add_pool(wanted)
    print_pool(seen, as_json=as_json)


@pool.command("resize")
@click.argument("name")
@click.argument("nodes", metavar="NODES")
@json_option
@click.pass_context
def resize_one(ctx: click.Context, name: str, nodes: str, as_json: bool) -> None:
    """Set the number of nodes of the pool NAME: a number such as 4, or a range such as 0:20."""
    resize_pool(ctx, name, nodes, as_json=as_json)


@pool.command("remove")
@click.argument("name")
@yes_option
@json_option
@click.pass_context
def remove_pool(ctx: click.Context, name: str, yes: bool, as_json: bool) -> None:
    """Remove the pool NAME with its nodes. Tasks that run on these nodes run again elsewhere."""
    with open_hosted(configuration(ctx), f"Google still removes the pool {name}") as hosted:
        if not yes:
            confirm(f"remove the pool {name} of {hosted.gke} with all its nodes?", err=as_json)
        hosted.remove_pool(name)
    click.echo(json.dumps({"name": name}) if as_json else f"the pool {name} is removed")
