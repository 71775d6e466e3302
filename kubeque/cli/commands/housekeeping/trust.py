"""`kubeque trust`: trust a configuration file that another user can write."""

from __future__ import annotations

from pathlib import Path

import click

from kubeque.model.config.config import trust_file


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
def trust(folder: Path) -> None:
    """Trust the .kubeque file in FOLDER (default: the current folder), although another user can write it.

    The file names the queue, the store and the cluster, so read it first. It is trusted until it changes.
    """
    path, digest = trust_file(folder)
    click.echo(f"{path} is trusted until it changes (SHA-256 {digest[:12]})")
