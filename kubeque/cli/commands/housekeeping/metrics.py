"""`kubeque metrics`: metrics of the jobs for Prometheus."""

from __future__ import annotations

import sys

import click

from kubeque.cli.connect import connect
from kubeque.cli.output.interrupt import Interrupted
from kubeque.model.errors import UserError


class Address(click.ParamType[tuple[str, int]]):
    """An address to listen on: HOST:PORT, [HOST]:PORT or PORT."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        host, _, port = value.rpartition(":")
        if not port.isdecimal() or not 0 < int(port) < 1 << 16:
            self.fail(f"{value!r} is not HOST:PORT, for example 127.0.0.1:9100", param, ctx)
        return host.strip("[]") or "127.0.0.1", int(port)


@click.command()
@click.option(
    "--listen", type=Address(), metavar="[HOST:]PORT", help="Serve the metrics at http://HOST:PORT/metrics until Ctrl-C"
    " (default HOST: 127.0.0.1)."
)  # fmt: skip
@click.pass_context
def metrics(ctx: click.Context, listen: tuple[str, int] | None) -> None:
    """Print metrics of all open jobs, and of jobs that ended in the last hour, in the text format of Prometheus.

    The metrics are the number of tasks by state and cause, interruptions by cause, and consumers. No job is changed and
    no consumer is started.
    """
    with connect(ctx) as client:
        registry = client.metrics()
        from prometheus_client import generate_latest, start_http_server

        if listen is None:
            sys.stdout.write(generate_latest(registry).decode())
            return
        host, port = listen
        try:
            server, thread = start_http_server(port, addr=host, registry=registry)
        except OSError as error:
            why = error.strerror or error
            raise UserError(f"cannot listen on {host}:{port}: {why}: choose another --listen") from error
        click.echo(f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics", err=True)
        try:
            thread.join()
        except KeyboardInterrupt:
            raise Interrupted("the metrics server has stopped") from None
        finally:
            server.shutdown()
