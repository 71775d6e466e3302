"""The arguments that a task is run with: a job's command, filled in for a row."""

from __future__ import annotations

from collections.abc import Mapping

from kubeque.model.command.command import Placeholder, Word
from kubeque.model.command.shell import shell_script
from kubeque.model.job.spec import JobSpec

SHELL = "/bin/sh"


def task_argv(spec: JobSpec, row: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    """The arguments to run for a row.

    `row`: the values by column, `index` among them. `names`: for each `^` word, as rendered for the row, the file's
    name in the working directory.
    """
    if spec.shell:
        return [SHELL, "-c", _script(spec.command, row, names)]
    return [_staged(word, row, names, at) if word.upload else word.render(row) for at, word in enumerate(spec.command)]


def _staged(word: Word, row: Mapping[str, str], names: Mapping[str, str], at: int) -> str:
    name = names[word.render(row)]
    return f"./{name}" if at == 0 else name


def _script(command: tuple[Word, ...], row: Mapping[str, str], names: Mapping[str, str]) -> str:
    parts: list[str | tuple[Placeholder, str]] = []
    for at, word in enumerate(command):
        parts += [" "] if at else []
        if word.upload:  # A file's name can hold anything: it is data as well.
            parts.append((Placeholder(f"file{at}"), _staged(word, row, names, at)))
        else:
            parts += [part if isinstance(part, str) else (part, row[part.name]) for part in word.parts]
    return shell_script(parts)
