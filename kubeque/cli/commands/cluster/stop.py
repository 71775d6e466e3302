"""`kubeque stop`: stop the consumers; on GKE, delete the cluster."""

from __future__ import annotations

import json

import click

from kubeque.cli.commands.cluster.hosting import open_hosted
from kubeque.cli.connect import configuration, connect, json_option, yes_option
from kubeque.cli.output.interrupt import confirm
from kubeque.client import is_hosted
from kubeque.model.config.config import Config


@click.command()
@yes_option
@json_option
@click.pass_context
def stop(ctx: click.Context, yes: bool, as_json: bool) -> None:
    """Stop the consumers of this machine. Unfinished tasks wait; the next kubeque watch continues them.

    On GKE this deletes the cluster with all its nodes; queue and bucket stay, and sweeps continue after the next start.
    On another Kubernetes it stops the consumers of the queue.
    """
    config = configuration(ctx)
    if is_hosted(config.cluster_url):
        _delete_hosted(config, yes=yes, as_json=as_json)
        return
    with connect(ctx) as client:
        count = client.stop()
    text = f"{count} consumer{'s' * (count != 1)} stopped"
    click.echo(json.dumps({"stopped": count, "deleted": None}) if as_json else text)


def _delete_hosted(config: Config, *, yes: bool, as_json: bool) -> None:
    with open_hosted(config, "Google still deletes the cluster") as hosted:
        pools = hosted.pools()
        if not yes:
            confirm(
                f"delete the cluster {hosted.gke} with its {len(pools)} node pool{'s' * (len(pools) != 1)}?"
                " Running tasks are interrupted and wait in the queue.", err=as_json,
            )  # fmt: skip
        hosted.stop()
    text = f"{hosted.gke} is deleted; the queue {config.queue_url} and {config.default_url_prefix} stay"
    click.echo(json.dumps({"stopped": 0, "deleted": hosted.gke.name}) if as_json else text)
