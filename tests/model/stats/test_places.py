"""The place of a consumer, from its name."""

from __future__ import annotations

import pytest

from kubeque.clusters.slot import owner_name, short_host_name
from kubeque.model.stats.places import Kind, Place, PlaceCount, count_places, find_place, format_places


@pytest.mark.parametrize(("owner", "kind", "name"), [
    ("local:0f3a.4.lab7:812:99001", "local", "lab7"), ("local:0f3a:812:99001", "local", "0f3a"),
    ("pod:kq-fit-0-3-x7d:1b2c", "pod", "kq-fit-0-3-x7d"), ("work:lab-7.12:ab12cd34", "work", "lab-7"),
    ("work:-.0:ab12cd34", "work", "-"), ("work:odd:ab", "work", "odd"), ("robot:9", "unknown", "robot:9"),
    ("local:", "unknown", "local:"), ("", "unknown", ""), ("work:a:b:c", "unknown", "work:a:b:c"),
])  # fmt: skip
def test_the_name_of_a_consumer_tells_its_place(owner: str, kind: str, name: str) -> None:
    assert find_place(owner) == Place(Kind(kind), name)


def test_a_slot_of_this_machine_is_at_this_machine() -> None:
    assert find_place(owner_name(slot=3)) == Place(Kind.LOCAL, short_host_name())


def test_consumers_are_counted_by_place_and_pods_together() -> None:
    owners = ["pod:a:1", "pod:b:2", "work:lab7.0:aa", "work:lab7.1:bb", "work:lab7.1:bb", "work:x.0:cc", "pod:c:3"]
    assert format_places(count_places(owners)) == "3 pods, 2 work on lab7, 1 work on x"
    assert format_places((PlaceCount(Kind.LOCAL, 2), *count_places(owners[2:3]))) == "2 here, 1 work on lab7"
    assert format_places(count_places(["local:0f3a.4.home:8:9"])) == "1 on home"


def test_many_machines_are_counted_and_a_name_is_one_short_line() -> None:
    owners = [f"work:m{machine}.{number}:aa" for machine in range(5) for number in range(6 - machine)]
    assert format_places(count_places(owners)) == "6 work on m0, 5 work on m1, 4 work on m2, 5 on 2 more machines"
    text = format_places(count_places(["work:\x1b[31m\n" + "x" * 90 + ".0:aa"]))
    assert text.isprintable()
    assert len(text) < 50
