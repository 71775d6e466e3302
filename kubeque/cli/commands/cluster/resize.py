"""`kubeque resize`: change the number of nodes of the GKE cluster."""

from __future__ import annotations

import click

from kubeque.cli.commands.cluster.hosting import resize_pool
from kubeque.cli.connect import json_option


@click.command()
@click.argument("nodes", metavar="NODES")
@click.option("--pool", "name", default="", metavar="NAME", help="Node pool (default: the pool of kubeque start).")
@json_option
@click.pass_context
def resize(ctx: click.Context, nodes: str, name: str, as_json: bool) -> None:
    """Set the number of nodes of the GKE cluster: a number such as 4, or a range such as 0:20."""
    resize_pool(ctx, name, nodes, as_json=as_json)
