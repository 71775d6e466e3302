"""The places where consumers run: a slot of a machine, a pod, or a machine with `kubeque work`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from kubeque.lazy_dataclass import dataclass
from kubeque.model.text import format_count, printable

#: Maximum number of machines that one line names, and maximum length of such a name in characters.
_NAMED, _NAME_CHARACTERS = 3, 30


class Kind(StrEnum):
    """The kind of a consumer, by the program that started it."""

    #: A process in a slot of a home folder.
    LOCAL = "local"
    POD = "pod"
    #: A process of `kubeque work`.
    WORK = "work"
    #: A kind that this version of kubeque does not know.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one consumer."""

    kind: Kind
    #: Name of the machine or of the pod.
    name: str


def find_place(owner: str) -> Place:
    """Return the place of a consumer. `owner`: the consumer's name in its leases.

    Names without a host, which an earlier kubeque wrote, have the digest of their machine as the name of the place.
    """
    kind, *rest = owner.split(":")
    if kind == Kind.LOCAL and len(rest) == 3:
        return Place(Kind.LOCAL, rest[0].rpartition(".")[2])
    if kind == Kind.WORK and len(rest) == 2:
        return Place(Kind.WORK, rest[0].rpartition(".")[0] or rest[0])
    if kind == Kind.POD and len(rest) == 2:
        return Place(Kind.POD, rest[0])
    return Place(Kind.UNKNOWN, owner)


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """The number of consumers at one place. All pods of a job count as one place."""

    kind: Kind
    consumers: int
    #: Name of the machine; empty for pods, and for the slots of the machine that counts them.
    name: str = ""


def place_key(owner: str) -> tuple[Kind, str]:
    """Return kind and name of the place at which the consumer counts. The name is empty for pods."""
    place = find_place(owner)
    return place.kind, "" if place.kind is Kind.POD else place.name


def count_places(owners: Iterable[str]) -> tuple[PlaceCount, ...]:
    """Return the number of consumers at each place, the place with the most first. `owners`: names of consumers."""
    counts = Counter(map(place_key, set(owners)))
    found = [PlaceCount(kind, number, name) for (kind, name), number in counts.items()]
    return tuple(sorted(found, key=lambda each: (-each.consumers, each.kind, each.name)))


def format_places(places: Sequence[PlaceCount]) -> str:
    """Return the number of consumers at each place as text: `2 here, 4 pods, 3 work on lab7`.

    At most _NAMED machines are named.
    """
    named = [each for each in places if each.name][:_NAMED]
    rest = [each for each in places if each.name][_NAMED:]
    texts = [_format_place(each) for each in places if not each.name or each in named]
    if rest:
        machines = format_count(len(rest), "more machine")
        texts.append(f"{sum(each.consumers for each in rest)} on {machines}")
    return ", ".join(texts)


def _format_place(place: PlaceCount) -> str:
    number = place.consumers
    if place.kind is Kind.POD:
        return format_count(number, "pod")
    if not place.name:
        return f"{number} here"
    word = "work on" if place.kind is Kind.WORK else "on"
    return f"{number} {word} {printable(place.name, _NAME_CHARACTERS)}"
