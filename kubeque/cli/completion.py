"""Complete files, and the words of a command with their `^`, in the shell."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from kubeque.model.user_paths import expand_home


def complete_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return a request to the shell: it completes names of files."""
    return [CompletionItem(incomplete, type="file")]


def complete_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a word of the command: a file, with a `^` in front where the user typed one."""
    if not incomplete.startswith("^"):
        return [CompletionItem(incomplete, type="file")]
    folder, _, start = incomplete[1:].rpartition("/")
    prefix = incomplete[: len(incomplete) - len(start)]
    return [CompletionItem(prefix + name) for name in _names(expand_home(folder or "."), start)]


def _names(folder: str | Path, start: str) -> list[str]:
    """Return the names in a folder that begin with `start`, those of folders with a slash at their end."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name + "/" * entry.is_dir() for entry in entries if entry.name.startswith(start)]
    except OSError:
        return []
    return sorted(name for name in found if start.startswith(".") or not name.startswith("."))
