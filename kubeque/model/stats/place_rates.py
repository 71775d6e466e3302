"""The attempts at each place of a job, and their rate, for the report."""

from __future__ import annotations

from collections import defaultdict

from kubeque.model.stats.advice import AttemptStats
from kubeque.model.stats.pace import format_rate
from kubeque.model.stats.places import Kind, count_places, format_places, place_key
from kubeque.model.text import format_count

#: Maximum number of places in the text.
_SHOWN = 20


def format_place_rates(seen: AttemptStats) -> str:
    """Return the number of consumers and attempts at each place, and the rate at which attempts ended there.

    The rate is the number of attempts, divided by the time from the first start to the last end at the place. Return an
    empty text unless there are several places.
    """
    attempts = defaultdict[tuple[Kind, str], list[int]](list)
    for at, owner in enumerate(seen.owners):
        attempts[place_key(owner)].append(at)
    places, texts = count_places(seen.consumers), []
    for place in places[:_SHOWN]:
        own = attempts[place.kind, place.name]
        seconds = max(seen.ends[at] for at in own) - min(seen.starts[at] for at in own)
        rate = f", {format_rate(len(own) / seconds)}" if seconds > 0 else ""
        texts.append(f"{format_places([place])} ({len(own):,} attempt{'s' * (len(own) != 1)}{rate})")
    rest = len(places) - len(texts)
    return " · ".join([*texts, *([format_count(rest, "more place")] if rest else [])]) if len(places) > 1 else ""
