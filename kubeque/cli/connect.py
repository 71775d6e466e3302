"""What every command begins with: the configuration, the client, and the argument JOB."""

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


def connect(ctx: click.Context, *, cluster: str | None = None) -> Client:
    """The client for the configuration that the user chose, on another cluster if one is named.

    Raises ConfigError, QueueError.
    """
    config = configuration(ctx)
    return Client(replace(config, cluster_url=cluster) if cluster else config)


def configuration(ctx: click.Context) -> Config:
    """The configuration that the user chose; nothing is connected to. Raises ConfigError."""
    explicit = ctx.find_root().obj
    return Config.load(explicit=Path(explicit) if explicit else None)


#: For what prints one object.
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def job_argument(*, required: bool = True) -> Callable[[F], F]:
    """The argument JOB; the shell completes the names of the jobs there are."""
    return click.argument("job", required=required, shell_complete=_names)


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    root = ctx.find_root()
    root.obj = root.obj or root.params.get("config")
    try:
        with connect(ctx) as client:
            return [job.name for job in reversed(client.jobs()) if job.name.startswith(incomplete)]
    except KubequeError:
        return []  # a queue that does not answer completes nothing, and must not write into the user's line
