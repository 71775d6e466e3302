"""The option `secret_file`: files of the submitter whose contents become environment variables of the tasks.

A secret file has one value (`NAME=PATH`), or a line `NAME=VALUE` for each variable (`PATH`). An error names the file
and the line, but never a part of the content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import UserError
from kubeque.model.job.inherited_environment import inheritable
from kubeque.model.text import describe
from kubeque.model.user_paths import expand_home
from kubeque.model.wording import field_name

#: Maximum size of a secret file in bytes. The system limits one variable to 128 KiB.
MAX_BYTES = 64 << 10
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_QUOTES = ("'", '"')


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A secret file, as the option names it."""

    path: Path
    #: Name of the variable that gets the whole content; empty: the file has lines `NAME=VALUE`.
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name}={self.path}" if self.name else str(self.path)


def parse_secret_file(text: str, base: Path) -> SecretFile:
    """Return the secret file that an option `NAME=PATH` or `PATH` names. `base`: folder where relative paths start.

    Raises UserError.
    """
    name, equals, path = text.partition("=")
    if not (equals and _NAME.fullmatch(name)):
        name, path = "", text
    if not path:
        raise UserError(f"{field_name('secret_file')} {describe(text)}: write NAME=PATH, or the path of a file")
    return SecretFile(base / expand_home(path), name)


def read_variables(files: Iterable[tuple[SecretFile, bytes]], taken: Iterable[str]) -> dict[str, str]:
    """Return the variables of secret files. `files`: each file with its content. `taken`: names of `env`.

    Raises UserError for content without variables, and for a name that is set twice or that tasks cannot get.
    """
    variables: dict[str, str] = {}
    others = set(taken)
    for file, data in files:
        for name, value, where in _variables_of(file, data):
            if not inheritable({name: ""}):
                raise UserError(f"{where}: tasks cannot get the variable {name}: choose another name")
            if name in others:
                raise UserError(f"{where}: {field_name('env')} sets {name} too: remove one of the two")
            if name in variables:
                raise UserError(f"{where}: {name} is set twice: remove one of the two")
            variables[name] = value
    return variables


def _variables_of(file: SecretFile, data: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield the name and the value of each variable of a secret file, and its place for messages."""
    shown = f"{field_name('secret_file')} {describe(str(file.path))}"
    if len(data) > MAX_BYTES:
        raise UserError(f"{shown} has more than {MAX_BYTES} bytes: give a smaller file, or push the file as an input")
    if b"\0" in data:
        raise UserError(f"{shown} contains a NUL byte, which no variable can have: give a file of text")
    text = data.decode("utf-8", "surrogateescape")
    if file.name:
        yield file.name, text.removesuffix("\n").removesuffix("\r"), shown
        return
    found = False
    for number, line in enumerate(text.split("\n"), 1):
        content = line.removesuffix("\r")
        if content.strip() and not content.lstrip().startswith("#"):
            found = True
            yield _read_line(content, f"{shown}, line {number}")
    if not found:
        raise UserError(f"{shown} has no line NAME=VALUE: write NAME={file.path} to use its content as one value")


def _read_line(line: str, where: str) -> tuple[str, str, str]:
    name, equals, value = line.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise UserError(
            f"{where}: write NAME=VALUE, where NAME has letters, digits and _, without export and without spaces"
        )
    if value[:1] in _QUOTES and value[-1:] == value[:1]:
        raise UserError(f"{where}: the quotes would be part of the value of {name}: remove them")
    return name, value, where


def refuse_elsewhere(files: Iterable[SecretFile]) -> UserError:
    """Return the error for secret files of a sweep with tasks that do not run on this machine."""
    source = next((f"--from-file={file}" if file.name else f"--from-env-file={file}" for file in files), "")
    return UserError(
        f"{field_name('secret_file')} is for tasks on this machine: pods and consumers of kubeque work do not get it."
        f" For pods, write kubectl create secret generic sweep-login {source}, and then"
        f" {field_name('env_from_secret', 'sweep-login')}"
    )


def absolute_secret_files(texts: Iterable[str], base: Path) -> list[str]:
    """Return the texts of the option with absolute paths. `base`: folder where relative paths start."""
    return [str(parse_secret_file(text, base)) for text in texts]
