"""`kubeque work`: run tasks of a queue on this machine, for jobs of other machines."""

from __future__ import annotations

import math
from dataclasses import replace

import click

from kubeque.cli.connect import configuration
from kubeque.cli.output.terminal import terminal_text
from kubeque.client import Client
from kubeque.model.errors import UserError
from kubeque.model.quantities import parse_bytes, parse_cpu, parse_duration
from kubeque.model.sweep.sweep import check_consumers
from kubeque.model.text import format_count


@click.command()
@click.option("--queue", metavar="URL", help="Queue (default: the queue of the .kubeque file).")
@click.option("--for", "duration", metavar="TIME", help="Leave after this time, for example 2h (default: no limit).")
@click.option("--jobs", default="*", metavar="PATTERN", help="Serve only jobs whose name matches (default: all jobs).")
@click.option("--consumers", type=int, metavar="N", help="Tasks that run at once (default: one per core).")
@click.option("--cpu", metavar="CORES", help="Cores for all tasks together (default: all).")
@click.option("--memory", metavar="SIZE", help="Memory for all tasks together (default: all).")
@click.option("--tags", metavar="NAMES", help="Images whose programs this machine has, separated by commas.")
@click.option("--idle", default="5s", metavar="TIME", help="Leave after this time without a task (default: 5s).")
@click.pass_context
def work(
    ctx: click.Context, queue: str | None, duration: str | None, jobs: str, consumers: int | None, cpu: str | None,
    memory: str | None, tags: str | None, idle: str,
) -> None:  # fmt: skip
    """Run tasks on this machine for sweeps that were submitted with --run-on work, wherever they were submitted.

    This machine must reach the queue and the store. The tasks get the environment variables of this command and those
    that the sweep sets (--env), but not those of the submitter. On SIGTERM or Ctrl-C, running tasks are stopped and run
    again elsewhere. This does not use up an extra attempt.
    """
    config = configuration(ctx)
    if queue is not None:
        config = replace(config, queue_url=queue)
    offer = Client.offer(
        parse_cpu(cpu, "--cpu") if cpu is not None else None,
        parse_bytes(memory, "--memory") if memory is not None else None,
        tags=[tag for tag in (tags or "").split(",") if tag], jobs=jobs,
        seconds=parse_duration(duration, "--for") if duration is not None else None,
    )  # fmt: skip
    number = consumers if consumers is not None else max(1, math.floor(offer.cores))
    check_consumers(number)
    linger = parse_duration(idle, "--idle")
    found = Client.list_work(config, offer)
    for choice in found:
        if choice.reason:
            click.echo(terminal_text(f"{choice.name} is left alone: {choice.reason}"), err=True)
    served = [choice.name for choice in found if not choice.reason]
    if not served and duration is None and linger <= 60:
        what = "no open job runs here" if found else "no open job was submitted with --run-on work"
        raise UserError(f"{what}: submit one with kubeque sub --run-on work, or wait for jobs with --idle 1h")
    click.echo(f"{format_count(number, 'consumer')}: {format_count(len(served), 'job')} to serve", err=True)
    Client.work(config, offer, number, linger)
