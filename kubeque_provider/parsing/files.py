"""Warnings about files that a sweep needs: missing files, and files that the sweep does not upload."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kubeque.model.user_paths import expand_home
from kubeque_provider.parsing.known import is_known

Warn = Callable[[str], None]


def warn_of_files(values: Mapping[str, Any], folder: Path, warn: Warn) -> None:
    """Warn of files that are missing below the folder of the DAG file, and of files that the sweep does not upload.

    `values`: arguments of an operator, keyed by name. If a file is still missing when the task runs, the task fails.
    """
    for what, text in _named_files(values):
        if (path := find_file(folder, text)) is not None and not path.exists():
            warn(f"{what}: the file {path} does not exist: create the file before the Airflow task runs")
    pushed = [text.partition(":")[0].rstrip("/") for text in _texts(values.get("push"))]
    for word in _texts(values.get("command")):
        path = find_file(folder, word) if _looks_like_file(word) else None
        if path is not None and path.is_file() and not any(_covers(name, word) for name in pushed):
            warn(
                f"command: {word!r} is a file beside the DAG file, and tasks run in another folder: write '^{word}' to"
                " upload the file"
            )


def _named_files(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for word in _texts(values.get("command")):
        if word.startswith("^") and "{" not in word:
            yield f"command: {word!r}", word[1:]
    for text in _texts(values.get("push")):
        yield f"push: {text!r}", text.removeprefix("@").partition(":")[0]
    parameters = values.get("parameters")
    if isinstance(parameters, str) and is_known(parameters):
        yield f"parameters: {parameters!r}", parameters


def _texts(words: Any) -> Iterable[str]:
    if not isinstance(words, Sequence) or isinstance(words, str):
        return ()
    return [word for word in words if isinstance(word, str) and is_known(word)]


def find_file(folder: Path, text: str) -> Path | None:
    """Return the path of a file below `folder`; None for a URL, a path elsewhere, or a text that is not a path."""
    if not text or "://" in text or "\0" in text or len(text) > 4096:
        return None
    path = folder / expand_home(text)
    return path if path.is_relative_to(folder) and ".." not in path.parts else None


def _looks_like_file(word: str) -> bool:
    return not word.startswith(("^", "-", "/")) and "{" not in word and ("/" in word or "." in word) and " " not in word


def _covers(pushed: str, word: str) -> bool:
    return word == pushed or word.startswith(pushed + "/")
