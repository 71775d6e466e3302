"""`kubeque start resize pool stop`: the place that sweeps run in, above all a cluster on GKE."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kubeque.cli.connect import configuration, connect, json_option
from kubeque.cli.output.interrupt import saying, sure
from kubeque.cli.output.terminal import coloured
from kubeque.client import is_hosted, is_local, open_hosted
from kubeque.model.config.config import Config
from kubeque.model.config.node_pools import first_pools, parse_span, read_pool
from kubeque.model.resources import format_seconds, parse_bytes
from kubeque.model.text import printable

if TYPE_CHECKING:
    from kubeque.clusters.gke.cluster import GkeCluster
    from kubeque.clusters.gke.messages import PoolSeen
    from kubeque.clusters.gke.project import Part

F = TypeVar("F", bound=Callable[..., Any])

_yes = click.option("--yes", is_flag=True, help="Do not ask.")
#: Seconds between plain lines about something that takes long.
_LINE_SECONDS = 30.0


def _machines(function: F) -> F:
    """Decorate a command with the options that say what the nodes of a pool are."""
    for option in (
        click.option("--gpu", metavar="TYPE[:N]", help="GPUs of each node, as in nvidia-l4 or nvidia-l4:2."),
        click.option("--local-ssd", type=click.IntRange(0, 32), metavar="N", help="Local SSDs of each node."),
        click.option("--disk-size", metavar="SIZE", help="Boot disk of each node, as in 100Gi."),
        click.option("--machine-type", metavar="TYPE", help="Machine type of the nodes (e2-standard-4)."),
    ):
        function = option(function)
    return function


@click.command()
@click.option("--nodes", metavar="N[:MAX]", help="On GKE: nodes that stay, as in 3 or 1:5 (1).")
@click.option("--spot-nodes", metavar="MIN:MAX", help="On GKE: nodes that Google may take away, as in 0:20 (none).")
@_machines
@json_option
@click.pass_context
def start(ctx: click.Context, /, nodes: str | None, spot_nodes: str | None, as_json: bool, **machines: Any) -> int:
    """Say what sweeps run on, and check that it works. Optional on one machine.

    On GKE (project and cluster_name in .kubeque) it makes what is missing: bucket, database, the account of the
    consumers, and the cluster, which costs money until `kubeque stop`. Where this account may not, it prints the
    command for somebody who may, and exits with 1. Said again it checks all of it.
    """
    config = configuration(ctx)
    asked = nodes is not None or spot_nodes is not None or any(value is not None for value in machines.values())
    if is_hosted(config.cluster_url):
        return _start_gke(config, nodes, spot_nodes, machines, asked=asked, as_json=as_json)
    if asked:
        open_hosted(config)  # raises ConfigError: there are no nodes to ask for
    with connect(ctx) as client:
        if as_json:
            click.echo(json.dumps(client.config.as_dict()))
            return 0
        click.echo(client.config.describe())
        if is_local(client.config.cluster_url):
            click.echo("Nothing has to be started: consumers start with a job and leave when there is nothing to do.")
    return 0


def _start_gke(
    config: Config, nodes: str | None, spot_nodes: str | None, machines: dict[str, Any], *, asked: bool, as_json: bool
) -> int:
    pools = first_pools(config, nodes or "1", spot_nodes, **_said(machines))
    if not as_json:
        click.echo(config.describe())
    with _hosting(config, "what was begun goes on at Google: `kubeque start` waits for it again") as place:
        parts = [_told(part, quiet=as_json) for part in place.start(pools, asked=asked)]
    if as_json:
        click.echo(json.dumps(config.as_dict() | {"parts": [asdict(part) for part in parts]}))
    elif missing := [part.command for part in parts if part.command]:
        click.echo("\nSomebody who may has to run, before you start again:\n")
        click.echo("\n".join(missing))
    return 0 if all(part.ok for part in parts) else 1


def _told(part: Part, *, quiet: bool) -> Part:
    if not quiet:
        mark = "ok     " if part.ok else "MISSING"
        mark = click.style(mark, fg="green" if part.ok else "red") if coloured() else mark
        click.echo(f"{mark}  {part.what:<9}  {printable(part.text, 700)}")
    return part


@click.command()
@_yes
@json_option
@click.pass_context
def stop(ctx: click.Context, yes: bool, as_json: bool) -> None:
    """End the consumers of this machine. What they had not finished waits, and goes on with the next watch.

    On GKE it deletes the cluster with all its nodes, after asking: the queue and the bucket stay, so that sweeps go on
    after the next start. On another Kubernetes it ends the consumers of the queue.
    """
    config = configuration(ctx)
    if is_hosted(config.cluster_url):
        _stop_gke(config, yes=yes, as_json=as_json)
        return
    with connect(ctx) as client:
        count = client.stop()
    said = f"{count} consumer{'s' * (count != 1)} stopped"
    click.echo(json.dumps({"stopped": count, "deleted": None}) if as_json else said)


def _stop_gke(config: Config, *, yes: bool, as_json: bool) -> None:
    with _hosting(config, "the cluster is being deleted all the same") as place:
        pools = place.pools()
        if not yes:
            sure(
                f"delete the cluster {place.gke} with its {len(pools)} node pool{'s' * (len(pools) != 1)}?"
                " What runs there is cut off and waits in the queue.", err=as_json,
            )  # fmt: skip
        place.stop()
    said = f"{place.gke} is deleted; the queue {config.queue_url} and {config.default_url_prefix} stay"
    click.echo(json.dumps({"stopped": 0, "deleted": place.gke.name}) if as_json else said)


@click.command()
@click.argument("nodes", metavar="NODES")
@click.option("--pool", "name", default="", help="Which pool, if not the one of start.")
@json_option
@click.pass_context
def resize(ctx: click.Context, nodes: str, name: str, as_json: bool) -> None:
    """Let the GKE cluster have NODES nodes: as many as in 4, or between two numbers as in 0:20."""
    _resize(ctx, name, nodes, as_json=as_json)


@click.group()
def pool() -> None:
    """The node pools of the GKE cluster: machines of one kind each."""


@pool.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def list_pools(ctx: click.Context, as_json: bool) -> None:
    """The pools there are, with their nodes and machines."""
    with _hosting(configuration(ctx)) as place:
        for seen in place.pools():
            _tell(seen, as_json=as_json)


@pool.command()
@click.argument("name")
@click.option("--nodes", metavar="N[:MAX]", default="0:10", show_default=True, help="How many nodes, as in 3 or 0:20.")
@click.option("--spot", is_flag=True, help="Google may take its nodes away; only jobs with --spot run there.")
@_machines
@json_option
@click.pass_context
def add(ctx: click.Context, /, name: str, nodes: str, spot: bool, as_json: bool, **machines: Any) -> None:
    """Add the pool NAME to the cluster."""
    config = configuration(ctx)
    asked = read_pool(config, name, nodes, spot=spot, **_said(machines))
    with _hosting(config, f"the pool {name} is being added all the same") as place:
        seen = place.add_pool(asked)
    _tell(seen, as_json=as_json)


@pool.command("resize")
@click.argument("name")
@click.argument("nodes", metavar="NODES")
@json_option
@click.pass_context
def resize_pool(ctx: click.Context, name: str, nodes: str, as_json: bool) -> None:
    """Let the pool NAME have NODES nodes: as many as in 4, or between two numbers as in 0:20."""
    _resize(ctx, name, nodes, as_json=as_json)


@pool.command("remove")
@click.argument("name")
@_yes
@json_option
@click.pass_context
def remove_pool(ctx: click.Context, name: str, yes: bool, as_json: bool) -> None:
    """Remove the pool NAME with its nodes. What runs there runs again elsewhere."""
    with _hosting(configuration(ctx), f"the pool {name} is being removed all the same") as place:
        if not yes:
            sure(f"remove the pool {name} of {place.gke} with all its nodes?", err=as_json)
        place.remove_pool(name)
    click.echo(json.dumps({"name": name}) if as_json else f"the pool {name} is removed")


def _resize(ctx: click.Context, name: str, nodes: str, *, as_json: bool) -> None:
    span = parse_span(nodes)
    with _hosting(configuration(ctx), "the nodes are being changed all the same") as place:
        seen = place.resize(name, span)
    _tell(seen, as_json=as_json)


def _tell(seen: PoolSeen, *, as_json: bool) -> None:
    if not as_json:
        click.echo(printable(seen.describe(), 500))
        return
    pool = asdict(seen.pool)
    nodes = pool.pop("nodes")
    found = {"name": pool.pop("name"), "least": nodes["low"], "most": nodes["high"], **pool}
    click.echo(json.dumps(found | {"status": seen.status.lower(), "message": seen.message}))


def _said(machines: dict[str, Any]) -> dict[str, Any]:
    size = machines["disk_size"]
    return {
        "machine_type": machines["machine_type"], "local_ssd_count": machines["local_ssd"], "gpu": machines["gpu"],
        "disk_size": parse_bytes(size, "--disk-size") if size is not None else None,
    }  # fmt: skip


@contextmanager
def _hosting(config: Config, interrupted: str = "") -> Iterator[GkeCluster]:
    """The GKE cluster of the configuration; what takes long is shown. `interrupted`: what Ctrl-C means by then."""
    with _waiting() as tell, saying(f"interrupted; {interrupted}" if interrupted else "interrupted"):
        yield open_hosted(config, tell=tell)


@contextmanager
def _waiting() -> Iterator[Callable[[str, float], None]]:
    """What to tell of an operation: one line that changes on a terminal, a plain line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("asking Google") as status:
        yield lambda what, seconds: status.update(_since(what, seconds))


class _Lines:
    def __init__(self) -> None:
        self._what = ""
        self._said_at = 0.0

    def __call__(self, what: str, seconds: float) -> None:
        at = time.monotonic()
        if what != self._what or at - self._said_at >= _LINE_SECONDS:
            self._what, self._said_at = what, at
            click.echo(_since(what, seconds), err=True)


def _since(what: str, seconds: float) -> str:
    return f"{what}: {format_seconds(seconds)}" if seconds >= 1 else f"{what} ..."
