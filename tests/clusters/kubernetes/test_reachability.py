"""A submission is refused if its pods cannot reach the queue or the store."""

from __future__ import annotations

import pytest

from kubeque.clusters.kubernetes.reachability import find_unreachable, has_password
from kubeque.model.sweep.pod_options import PodOptions

STORE = ("gs://bucket/results",)


@pytest.mark.parametrize(
    ("queue", "prefixes", "said"),
    [
        ("sqlite:///home/me/queue.db", STORE, "set queue_url to postgresql"),
        ("memory:", STORE, "set queue_url to postgresql"),
        ("postgresql://me:secret@localhost/q", STORE, "another machine in a pod"),
        ("postgresql:///q?host=/run/postgresql", STORE, "another machine in a pod"),
        ("postgresql://me@127.0.0.1:5432/q", STORE, "another machine in a pod"),
        ("postgresql://me@db/q", ("/home/me/results",), "set default_url_prefix"),
        ("postgresql://me@db/q", ("gs://b/r", "memory://x"), "set default_url_prefix"),
    ],
)
def test_it_is_refused_with_what_to_set(queue: str, prefixes: tuple[str, ...], said: str) -> None:
    why = find_unreachable(queue, prefixes, PodOptions())

    assert said in why
    assert "secret" not in why


def test_what_pods_can_reach_is_left_alone() -> None:
    assert find_unreachable("postgresql://me@db/q", STORE, PodOptions()) == ""
    assert find_unreachable("datastore://project", ("s3://bucket",), PodOptions()) == ""


def test_on_a_cluster_of_one_machine_its_folders_and_its_network_can_be_shared() -> None:
    options = PodOptions.read(
        {"volumes": ["/srv/kubeque:/srv/kubeque"], "pod_template": {"spec": {"hostNetwork": True}}}
    )
    assert find_unreachable("sqlite:////srv/kubeque/queue.db", ("/srv/kubeque/results",), options) == ""
    assert find_unreachable("postgresql://me@localhost/q", STORE, options) == ""
    assert find_unreachable("sqlite:////srv/kubeque-other/queue.db", STORE, options) != ""


@pytest.mark.parametrize(
    ("url", "has"),
    [("postgresql://me:x@db/q", True), ("postgresql://me@db/q?password=x", True), ("postgresql://me@db/q", False)],
)
def test_a_password_is_seen(url: str, has: bool) -> None:
    assert has_password(url) is has
