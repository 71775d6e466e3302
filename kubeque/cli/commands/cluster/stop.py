"""`kubeque stop`: stop the consumers. With --delete-cluster, delete the GKE cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

from kubeque.cli.commands.cluster.hosting import open_hosted
from kubeque.cli.connect import configuration, connect, json_option
from kubeque.cli.output.interrupt import confirm
from kubeque.cli.output.terminal import terminal_text
from kubeque.client import Observer, is_hosted
from kubeque.model.config.config import Config
from kubeque.model.errors import UserError
from kubeque.model.text import format_count


@click.command()
@click.option("--delete-cluster", "delete", is_flag=True, help="Delete the GKE cluster with all its nodes.")
@click.option("--yes", is_flag=True, help="With --delete-cluster: do not ask for confirmation.")
@json_option
@click.pass_context
def stop(ctx: click.Context, delete: bool, yes: bool, as_json: bool) -> None:
    """Stop the consumers on this machine, or the consumers of this queue on Kubernetes.

    Unfinished tasks wait in the queue. The commands kubeque watch, sub, reset, go and resume start consumers again;
    commands such as kubeque status do not. Programs that already wait for a job also start consumers again. This
    command lists these programs. To keep a job from starting tasks, use kubeque pause JOB.

    With --delete-cluster, delete the GKE cluster with all its nodes. The queue and the bucket stay. Unfinished sweeps
    continue after the next kubeque start.
    """
    config = configuration(ctx)
    if yes and not delete:
        raise UserError("--yes confirms the deletion of a cluster: add --delete-cluster, or leave out --yes")
    if delete:
        _delete_hosted(config, yes=yes, as_json=as_json)
        return
    with connect(ctx) as client:
        count = client.stop()
        observers = client.observers()
    if as_json:
        click.echo(json.dumps({"stopped": count, "deleted": None, "waiting": list(map(asdict, observers))}))
        return
    click.echo(f"{format_count(count, 'consumer')} stopped")
    if is_hosted(config.cluster_url):
        click.echo(
            f"{config.cluster_url} still exists and costs money: to delete the cluster, run kubeque stop"
            " --delete-cluster"
        )
    for line in _format_observers(observers):
        click.echo(line)


def _format_observers(observers: Sequence[Observer]) -> Iterator[str]:
    """Yield a line for each program that starts consumers again. The line says how to prevent another start."""
    forms = {"process": "process {}", "keeper": "keeper", "airflow": "Airflow task {}"}
    for each in observers:
        what = forms[each.kind].format(terminal_text(each.name))
        article = "a" if each.kind == "keeper" else "the"
        yield (
            f"{article} {what} waits for {each.job} and starts consumers again: end the {what}, or run kubeque pause"
            f" {each.job}"
        )


def _delete_hosted(config: Config, *, yes: bool, as_json: bool) -> None:
    with open_hosted(config, "Google still deletes the cluster") as hosted:
        pools = hosted.pools()
        if not yes:
            confirm(
                f"delete the cluster {hosted.gke} with its {format_count(len(pools), 'node pool')}?"
                " Running tasks are interrupted and wait in the queue.", err=as_json,
            )  # fmt: skip
        hosted.stop()
    text = f"{hosted.gke} is deleted; the queue {config.queue_url} and {config.default_url_prefix} stay"
    click.echo(json.dumps({"stopped": 0, "deleted": hosted.gke.name, "waiting": []}) if as_json else text)
