"""Find the options of a sweep that have no effect on one machine, because these options apply only to pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeque.model.sweep.options import BY_NAME
from kubeque.model.sweep.pod_options import PodOptions

#: Options of pods that also have an effect on one machine.
_COUNT_HERE = frozenset({"gpu"})
#: Options of pods with their default values. An option with its default value has no effect in any case.
_DEFAULTS = PodOptions()


def unused_options(image: str, pod: Mapping[str, Any]) -> list[str]:
    """Return the names of the options that are set but apply only to pods, in the order of the table of options.

    An option with its default value is not included. `image`: container image; empty without one. `pod`: options of
    pods, keyed by name. Raises ResourceError for an invalid value.
    """
    given = {name for name, value in pod.items() if name not in _COUNT_HERE and _changes(name, value)}
    given |= {"image"} if image else set()
    return [name for name in BY_NAME if name in given]


def unused_note(image: str, pod: Mapping[str, Any]) -> str:
    """Return a note that lists the options of `unused_options`; empty if there are none. Parameters: see there."""
    unused = unused_options(image, pod)
    return f"not used on this machine: {', '.join(unused)}" if unused else ""


def _changes(name: str, value: Any) -> bool:
    """True if the value of a pod option differs from its default. Raises ResourceError for an invalid value."""
    return bool(getattr(PodOptions.read({name: value}), name) != getattr(_DEFAULTS, name))
