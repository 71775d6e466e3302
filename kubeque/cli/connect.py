"""What every command begins with: the configuration and the client."""

from __future__ import annotations

from pathlib import Path

import click

from kubeque.client import Client
from kubeque.model.config import Config


def connect(ctx: click.Context) -> Client:
    """The client for the configuration that the user chose. Raises ConfigError, QueueError."""
    explicit = ctx.find_root().obj
    return Client(Config.load(explicit=Path(explicit) if explicit else None))
