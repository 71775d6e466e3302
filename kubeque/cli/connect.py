"""The configuration, the client, and the arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.errors import KubequeError

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def connect(ctx: click.Context, *, cluster: str | None = None) -> Client:
    """Return a client for the user's configuration. `cluster`: URL that replaces the configured cluster.

    Raises ConfigError, QueueError.
    """
    config = configuration(ctx)
    return Client(replace(config, cluster_url=cluster) if cluster else config)


def configuration(ctx: click.Context) -> Config:
    """Return the user's configuration without connecting to anything. Raises ConfigError."""
    explicit = ctx.find_root().obj
    return Config.load(explicit=Path(explicit) if explicit else None)


def job_argument(*, required: bool = True) -> Callable[[F], F]:
    """Return the decorator for the argument JOB. The shell completes JOB to the name of a job."""
    return click.argument("job", required=required, shell_complete=complete_jobs)


def complete_jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the jobs that begin with `incomplete`, the newest first."""
    root = ctx.find_root()
    root.obj = root.obj or root.params.get("config")
    try:
        with connect(ctx) as client:
            return [job.name for job in reversed(client.jobs()) if job.name.startswith(incomplete)]
    except KubequeError:
        return []  # an error message would appear in the line that the user types


def complete_changed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the option `--name`: return the names of jobs, if an earlier option changes an existing job.

    Without `--repair`, `--revise` or `--replace`, return no completion, because the name is for a new job.
    """
    changes = any(ctx.params.get(name) for name in ("repair", "revise", "replace"))
    return complete_jobs(ctx, param, incomplete) if changes else []
