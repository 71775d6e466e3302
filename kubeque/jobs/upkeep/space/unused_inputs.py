"""Find and delete inputs that no job uses, in the content-addressed store and in the caches of this machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kubeque.files.entry import Entry
from kubeque.files.layout import input_url, is_input
from kubeque.files.parallel import QUESTIONS, in_parallel
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.gc_lock import Clearing
from kubeque.jobs.upkeep.space.cached_inputs import find_cached
from kubeque.jobs.upkeep.space.garbage import GRACE_SECONDS, Garbage, Piece
from kubeque.jobs.upkeep.space.spec_inputs import used_digests

#: Number of inputs that are deleted between two checks of the lock.
_STEP = 200


def list_inputs(backends: Backends) -> list[Entry]:
    """Return the inputs in the content-addressed store. If they will be deleted, the caller must hold the lock."""
    return [
        entry
        for entry in backends.files.entries(backends.config.cas_url_prefix)
        if is_input(entry.name) and entry.modified is not None
    ]


def clear_inputs(
    backends: Backends, found: Garbage, clearing: Clearing | None, stored: Sequence[Entry], gone: Collection[str],
    until: float, *, really: bool,
) -> None:  # fmt: skip
    """Add to `found` the inputs that no spec of any queue names, in the store and in the caches of this machine.

    `clearing`: the lock; if it is given, unused inputs of the store are deleted. `stored`: the inputs of the store.
    `gone`: folders of jobs whose specs do not count. `until`: Unix time; inputs that were uploaded or used later are
    young and stay. `really`: True to delete cached copies.
    """
    cached = find_cached(backends, lambda file: True)
    if not stored and not cached:
        return
    used = used_digests(backends, gone)
    old = []
    for entry in stored:
        uploaded = entry.modified or 0.0
        if entry.name not in used and uploaded < until:
            old.append(entry)
        elif entry.name not in used:
            found.add_young(entry.size, uploaded)
    if clearing is not None:
        _delete(backends, clearing, [entry.name for entry in old])
    found.pieces += [Piece("input", input_url(backends.config.cas_url_prefix, e.name), 1, e.size) for e in old]
    for file in cached:
        if file.digest not in used and file.used >= until:
            found.add_young(file.bytes, file.used)
    copies = find_cached(backends, lambda file: file.digest not in used and file.used < until, remove=really)
    found.pieces += [Piece("cached input", file.path, 1, file.bytes) for file in copies]


def _delete(backends: Backends, clearing: Clearing, names: Sequence[str]) -> None:
    urls = [input_url(backends.config.cas_url_prefix, name) for name in names]
    for at in range(0, len(urls), _STEP):
        clearing.check()
        for _ in in_parallel(backends.files.delete, urls[at : at + _STEP], threads=QUESTIONS):
            pass


def oldest_kept(now: float, *, at_once: bool) -> float:
    """Return the Unix time since which unused inputs are young. `at_once`: True if no input is young."""
    return float("inf") if at_once else now - GRACE_SECONDS
