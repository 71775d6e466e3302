"""The text of a `.kubeque` file: its keys and the parser of each value."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ConfigError, ResourceError
from kubeque.model.quantities import parse_bytes, parse_cpu
from kubeque.model.suggestions import suggest
from kubeque.model.user_paths import read_text_file

SECTION = "config"
#: Values of the key `on_local`, for options without effect on one machine: list them in a note, or refuse the sweep.
ON_LOCAL = ("tell", "refuse")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
#: Pattern of `user:password@` in a URL. It ends at the last @, because an unquoted password can contain an @. Slashes
#: may be missing by mistake.
_USER_PASSWORD = re.compile(r"((?:\b(?!sqlite|file)[A-Za-z][A-Za-z0-9+.-]*:/{0,3}|://)[^:/@\s]*):(.*)@")
_SECRET_OPTION = re.compile(r"([?&][^=&#]*(?:password|passwd|secret|token|key)[^=&#]*=)[^&#]*", re.IGNORECASE)


def hide_password(url: str) -> str:
    """Return `url` with `***` in place of a password, or of a secret among its options (for example `?token=`)."""
    return _SECRET_OPTION.sub(r"\1***", _USER_PASSWORD.sub(r"\1:***@", url))


def read_file(path: Path) -> Mapping[str, str]:
    """Read a configuration file, and return a dict from each key to its value as text.

    The header `[config]` is optional. Raises ConfigError if the file cannot be read, or if it is not UTF-8 text in the
    INI format.
    """
    try:
        text = read_text_file(path)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}): save the file as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): give a file that this user can read") from error
    lines = text.split("\n")
    first = next((line.strip() for line in lines if line.strip() and line.strip()[0] not in "#;"), "")
    # With this default_section, no section passes its keys to other sections, not even [DEFAULT].
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    header = [] if first.startswith("[") else [f"[{SECTION}]"]
    try:
        parser.read_string("\n".join(header + lines))
    except configparser.Error as error:
        raise ConfigError(f"{path}: {_explain(error, len(header))}") from error
    for section in parser.sections():
        if section != SECTION:
            raise ConfigError(f"{path}: unknown section [{section}]: all keys belong to [{SECTION}]")
    return dict(parser[SECTION]) if parser.has_section(SECTION) else {}


def _explain(error: configparser.Error, lines_added: int) -> str:
    if isinstance(error, configparser.DuplicateOptionError):
        return f"line {(error.lineno or 0) - lines_added}: the key {error.option!r} occurs twice: remove one of them"
    if isinstance(error, configparser.DuplicateSectionError):
        return f"line {(error.lineno or 0) - lines_added}: the section [{error.section}] occurs twice: write it once"
    if isinstance(error, configparser.MissingSectionHeaderError):
        return f"line {error.lineno} is not a section: write [{SECTION}]"
    if isinstance(error, configparser.ParsingError):
        # The message does not contain the line itself, because the line can contain a password.
        return (
            f"line {error.errors[0][0] - lines_added} is not `key = value`: correct the line, or begin a comment with #"
        )
    return f"{error.message.splitlines()[0]}: write lines of `key = value` below [{SECTION}]"


@dataclass(frozen=True, slots=True)
class ValueReader:
    """Parses the values of one configuration file, or of another origin that error messages name.

    The methods with the parameters `text` and `key` parse one type of value, and raise ConfigError for a wrong value.
    """

    #: Name of the origin in messages.
    where: str
    #: Folder at which relative paths begin.
    folder: Path
    #: Folder that `~` means.
    home: Path

    def check_keys(self, values: Mapping[str, str]) -> None:
        """Raise ConfigError for an unknown key. The message has the most similar key."""
        for key in values:
            if key not in KEYS:
                raise ConfigError(f"{self.where}: unknown key {key!r}: {suggest(key, KEYS, 'keys')}")

    def read(self, key: str, text: str) -> Any:
        """Parse `text` as the value of `key`. Raises ConfigError."""
        try:
            return _READERS[key](self, text, key)
        except ResourceError as error:
            raise ConfigError(f"{self.where}: {error}") from error

    def wrong(self, key: str, text: str, remedy: str) -> ConfigError:
        """Return the error for a wrong value. `remedy`: what to write instead."""
        return ConfigError(f"{self.where}: {key} {hide_password(text)!r}: {remedy}")

    def resolve(self, text: str) -> str:
        """Return a path as an absolute path without a slash at the end. `~` and relative paths are resolved."""
        if text == "~" or text.startswith("~/"):
            text = f"{self.home}/{text[2:]}"
        return os.path.normpath(self.folder / os.path.expanduser(text))

    def name(self, text: str, key: str) -> str:
        """Return a name. Raises ConfigError for a name with blanks or slashes."""
        if re.search(r"[\s/]", text):
            raise self.wrong(key, text, "write a name without blanks and slashes")
        return text

    def word(self, text: str, key: str) -> str:
        """Return a text. Raises ConfigError for a text with blanks."""
        if re.search(r"\s", text):
            raise self.wrong(key, text, "write a value without blanks")
        return text

    def label(self, text: str, key: str) -> str:
        """Return a name. Raises ConfigError for a name that Kubernetes does not accept."""
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text):
            remedy = "write a Kubernetes name: at most 63 characters from a-z, 0-9 and -, for example team-a"
            raise self.wrong(key, text, remedy)
        return text

    def count(self, text: str, key: str, least: int = 0) -> int:
        """Return a text as a whole number. Raises ConfigError for another text, and for a number below `least`."""
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
            raise self.wrong(key, text, f"write a whole number of at least {least}, for example {max(least, 1)}")
        return int(text)

    def prefix(self, text: str, key: str) -> str:
        """Return a location of files: a URL, or a folder as an absolute path. Raises ConfigError for several lines."""
        if "\n" in text:
            raise self.wrong(key, text, "write a value in one line")
        if text.startswith("file://"):
            text = text.removeprefix("file://")
        if not _SCHEME.match(text):
            return self.resolve(text)
        return text if text.endswith("://") else text.rstrip("/")

    def queue(self, text: str, key: str) -> str:
        """Return the URL of a queue. The file of an SQLite queue gets an absolute path. Raises ConfigError."""
        if "\n" in text or not (_SCHEME.match(text) or text == "memory:"):
            raise self.wrong(
                key, text, "write a URL: sqlite:///FILE, postgresql://HOST/DATABASE or datastore://PROJECT"
            )
        if not text.startswith("sqlite:"):
            return text
        path = text.removeprefix("sqlite:///")
        if path in ("", text):
            raise self.wrong(key, text, "write three slashes and a file, for example sqlite:///queue.db")
        return f"sqlite:///{quote(self.resolve(unquote(path)))}"

    def cluster(self, text: str, key: str) -> str:
        """Return the URL of a cluster, or `local`. Raises ConfigError for any other text."""
        if re.search(r"\s", text) or not (text == "local" or _SCHEME.match(text)):
            raise self.wrong(key, text, "write local, or a URL such as gke://PROJECT/LOCATION/NAME")
        return text

    def devices(self, text: str, key: str) -> str:
        """Return the names of GPU devices, separated by commas. Raises ConfigError for a wrong or repeated name."""
        names = [name.strip() for name in text.split(",")]
        if not all(re.fullmatch(r"[A-Za-z0-9-]{1,80}", name) for name in names) or len(set(names)) < len(names):
            raise self.wrong(key, text, "write the devices as CUDA_VISIBLE_DEVICES does, for example 0,1")
        return ",".join(names)

    def on_local(self, text: str, key: str) -> str:
        """Return a value of the key `on_local`. Raises ConfigError for a text that is not in ON_LOCAL."""
        if text not in ON_LOCAL:
            raise self.wrong(key, text, f"write one of {', '.join(ON_LOCAL)}")
        return text


def _size(reader: ValueReader, text: str, key: str) -> int:
    return parse_bytes(text, key)


def _cores(reader: ValueReader, text: str, key: str) -> float:
    return parse_cpu(text, key)


def _one_or_more(reader: ValueReader, text: str, key: str) -> int:
    return reader.count(text, key, least=1)


#: Functions that parse the values, by key.
_READERS: Mapping[str, Callable[[ValueReader, str, str], Any]] = {
    "queue_url": ValueReader.queue,
    "default_url_prefix": ValueReader.prefix,
    "cas_url_prefix": ValueReader.prefix,
    "cluster_url": ValueReader.cluster,
    "project": ValueReader.name,
    "cluster_name": ValueReader.name,
    "location": ValueReader.name,
    "namespace": ValueReader.label,
    "service_account": ValueReader.word,
    "machine_type": ValueReader.name,
    "node_disk_size": _size,
    "local_ssd_count": ValueReader.count,
    "default_image": ValueReader.word,
    "consumer_image": ValueReader.word,
    "default_resource_cpu": _cores,
    "default_resource_memory": _size,
    "default_resource_disk": _size,
    "consumers": _one_or_more,
    "gpus": ValueReader.devices,
    "on_local": ValueReader.on_local,
}
#: The keys of a `.kubeque` file, in the order of docs/config.md.
KEYS = tuple(_READERS)
#: Keys whose value is a size in bytes.
SIZES = frozenset(key for key, reader in _READERS.items() if reader is _size)
#: Keys whose value is None if the key is missing.
NUMBERS = SIZES | {"default_resource_cpu", "consumers"}
