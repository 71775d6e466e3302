"""The arguments of a task: the command of its job with the values of its row."""

from __future__ import annotations

from collections.abc import Mapping

from kubeque.model.command.command import Placeholder, Word
from kubeque.model.command.shell import shell_script
from kubeque.model.job.spec import JobSpec

SHELL = "/bin/sh"


def task_argv(spec: JobSpec, row: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    """Return the program and the arguments that a task runs for a row.

    `row`: values by column, including `index`. `names`: names of files in the working directory, keyed by the rendered
    path of their `^` word.
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
        if word.upload:  # A file's name is data, because it can contain any character.
            parts.append((Placeholder(f"file{at}"), _staged(word, row, names, at)))
        else:
            parts += [part if isinstance(part, str) else (part, row[part.name]) for part in word.parts]
    return shell_script(parts)
