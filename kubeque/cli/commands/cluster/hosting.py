"""Options, connection and output that the commands for GKE clusters share."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kubeque.cli.connect import configuration
from kubeque.cli.output.interrupt import on_interrupt
from kubeque.cli.output.terminal import terminal_text
from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.config.node_pools import parse_node_range
from kubeque.model.quantities import format_seconds, parse_bytes

if TYPE_CHECKING:
    from kubeque.client import GkeCluster, PoolSeen

F = TypeVar("F", bound=Callable[..., Any])

#: Seconds between two plain lines about a long operation.
_LINE_SECONDS = 30.0


def machine_options(function: F) -> F:
    """Add the options that describe the machines of a node pool to a command. Return the command."""
    for option in (
        click.option(
            "--gpu",
            metavar="TYPE[:N]",
            help="Type and number of GPUs of each node, for example nvidia-l4:2 (default: none).",
        ),
        click.option(
            "--local-ssd",
            type=click.IntRange(0, 32),
            metavar="N",
            help="Number of local SSDs of each node (default: 0).",
        ),
        click.option("--disk-size", metavar="SIZE", help="Size of the boot disk of each node, for example 100Gi."),
        click.option("--machine-type", metavar="TYPE", help="Machine type of the nodes (default: e2-standard-4)."),
    ):
        function = option(function)
    return function


def machine_fields(options: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the options of `machine_options`, as keyword arguments of `first_pools` and `read_pool`."""
    size = options["disk_size"]
    return {
        "machine_type": options["machine_type"], "local_ssd_count": options["local_ssd"], "gpu": options["gpu"],
        "disk_size": parse_bytes(size, "--disk-size") if size is not None else None,
    }  # fmt: skip


@contextmanager
def open_hosted(config: Config, on_ctrl_c: str = "") -> Iterator[GkeCluster]:
    """Yield the GKE cluster of a configuration. While the `with` block runs, show the cluster's long operations.

    `on_ctrl_c`: message about the operation that continues at Google after Ctrl-C. Raises Interrupted on Ctrl-C, and
    ConfigError for a cluster that is not on GKE.
    """
    with _show_operation() as tell, on_interrupt(f"interrupted; {on_ctrl_c}" if on_ctrl_c else "interrupted"):
        yield Client.hosting(config, tell=tell)


def resize_pool(ctx: click.Context, name: str, nodes: str, *, as_json: bool) -> None:
    """Change the number of nodes of a pool and print the pool. `name`: "" for the pool of `kubeque start`."""
    span = parse_node_range(nodes)
    with open_hosted(configuration(ctx), "Google still changes the nodes") as hosted:
        pool = hosted.resize(name, span)
    print_pool(pool, as_json=as_json)


def print_pool(seen: PoolSeen, *, as_json: bool) -> None:
    """Print a node pool as one line or one JSON object."""
    if not as_json:
        click.echo(terminal_text(seen.describe(), 500))
        return
    pool = asdict(seen.pool)
    nodes = pool.pop("nodes")
    record = {"name": pool.pop("name"), "least": nodes["low"], "most": nodes["high"], **pool}
    click.echo(json.dumps(record | {"status": seen.status.lower(), "message": seen.message}))


@contextmanager
def _show_operation() -> Iterator[Callable[[str, float], None]]:
    """Yield a function that shows a long operation at Google.

    The function gets the name of the operation, and the seconds since the start of the operation.

    On a terminal, the function changes one line. Without a terminal, it prints a line every 30 seconds.
    """
    if not sys.stderr.isatty():
        yield _PlainLines()
        return
    from kubeque.cli.output.rich_console import open_console

    with open_console().status("asking Google") as status:
        yield lambda what, seconds: status.update(_format_operation(what, seconds))


class _PlainLines:
    def __init__(self) -> None:
        self._what = ""
        self._printed_at = 0.0

    def __call__(self, what: str, seconds: float) -> None:
        at = time.monotonic()
        if what != self._what or at - self._printed_at >= _LINE_SECONDS:
            self._what, self._printed_at = what, at
            click.echo(_format_operation(what, seconds), err=True)


def _format_operation(what: str, seconds: float) -> str:
    return f"{what}: {format_seconds(seconds)}" if seconds >= 1 else f"{what} ..."
