"""Environment variables that look like settings of kubeque, but that kubeque does not read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from kubeque.model.config.config_file import KEYS

_PREFIX = "KUBEQUE_"
#: Name of the only variable that kubeque reads as a setting, without its prefix.
_HOME = "home"
#: Keys of the configuration, and other names that users may expect for them.
_EXPECTED = {
    "queue_url": ("queue", "database", "database_url", "db", "db_url"),
    "default_url_prefix": ("store", "store_url", "results", "bucket", "prefix", "url_prefix"),
    "cas_url_prefix": ("cas",),
    "cluster_url": ("cluster", "default_cluster"),
    "default_image": ("image",),
}
#: The key for each of the other names.
_OTHER_NAMES = {name: key for key, names in _EXPECTED.items() for name in names}
#: Names of variables with which users may try to give the configuration file.
_FILES = frozenset({"config", "config_file", "configuration", "conf"})
#: Names of variables that users may set instead of KUBEQUE_HOME.
_HOMES = frozenset({"homedir", "home_dir", "data", "data_dir", "dir", "folder", "data_home"})
#: Minimum similarity (0 to 1) between a variable and a key, to consider the variable a misspelling of the key.
_SIMILAR = 0.85


def ignored_variables_note(names: Iterable[str]) -> str:
    """Return one line about environment variables that look like settings of kubeque; empty if there are none.

    `names`: names of all environment variables. Variables that kubeque itself sets for tasks are not reported.
    """
    found = {name: remedy for name in sorted(names) if name.startswith(_PREFIX) and (remedy := _remedy(name))}
    if not found:
        return ""
    each = "; ".join(f"{name}: {remedy}" for name, remedy in found.items())
    return f"kubeque reads no setting from the environment except KUBEQUE_HOME: {each}"


def _remedy(name: str) -> str:
    """Return how to make the setting that a variable probably means; empty if the variable resembles no setting."""
    word = name.removeprefix(_PREFIX).lower()
    if word == _HOME or word.startswith("param_"):
        return ""
    if word in _FILES:
        return "give the file with --config"
    near = difflib.get_close_matches(word, [_HOME, *KEYS, *_OTHER_NAMES], 1, _SIMILAR)
    if word in _HOMES or near == [_HOME]:
        return "did you mean KUBEQUE_HOME?"
    if not near:
        return ""
    key = _OTHER_NAMES.get(near[0], near[0])
    return f"write {key} = VALUE in a .kubeque file"
