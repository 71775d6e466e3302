"""Shell completion of file names, including names that follow a `^` in the command or an `@` of `--push`."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from kubeque.model.user_paths import expand_home


def complete_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the value that tells the shell to complete file names."""
    return [CompletionItem(incomplete, type="file")]


def complete_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the file names that complete a word of the command. After a `^`, each completion begins with `^`, too."""
    return _complete_after("^", incomplete)


def complete_push(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the file names that complete a value of `--push`. After an `@`, each completion begins with `@`, too."""
    return _complete_after("@", incomplete)


def _complete_after(mark: str, incomplete: str) -> list[CompletionItem]:
    if not incomplete.startswith(mark):
        return [CompletionItem(incomplete, type="file")]
    folder, _, start = incomplete[1:].rpartition("/")
    prefix = incomplete[: len(incomplete) - len(start)]
    return [CompletionItem(prefix + name) for name in _names(expand_home(folder or "."), start)]


def _names(folder: str | Path, start: str) -> list[str]:
    """Return the names in a folder that begin with `start`. The names of subfolders end with a slash."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name + "/" * entry.is_dir() for entry in entries if entry.name.startswith(start)]
    except OSError:
        return []
    found = [name for name in found if name.isprintable()]  # a completion is one line
    return sorted(name for name in found if start.startswith(".") or not name.startswith("."))
