"""The options of pods, and the messages about invalid ones."""

from __future__ import annotations

from typing import Any

import pytest

from kubeque.model.errors import ResourceError
from kubeque.model.sweep.pod_options import PodOptions, Volume


def test_the_options_are_read() -> None:
    options = PodOptions.read(
        {
            "env_from_secret": "login",
            "gpu": "2",
            "start_timeout": "90s",
            "spot": True,
            "priority_class": None,
            "volumes": ["pvc/data:/data:ro", "/srv:/srv"],
            "tolerations": ["gpu=true:NoSchedule", "big", {"operator": "Exists"}],
        }
    )

    assert (options.env_from_secret, options.gpu, options.start_timeout, options.spot) == (("login",), 2, 90.0, True)
    assert options.volumes == (Volume("pvc", "data", "/data", True), Volume("host", "/srv", "/srv"))
    assert options.tolerations == (
        {"key": "gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"},
        {"key": "big", "operator": "Exists"},
        {"operator": "Exists"},
    )


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"gpus": 1}, "did you mean 'gpu'"),
        ({"gpu": -1}, "whole number"),
        ({"gpu": True}, "whole number"),
        ({"env_from_secret": ["Not a name"]}, "write a Kubernetes name"),
        ({"volumes": ["nfs/x:/x"]}, "write SOURCE:PATH"),
        ({"volumes": ["pvc/x:relative"]}, "write SOURCE:PATH"),
        ({"volumes": ["/a/../etc:/etc"]}, "write SOURCE:PATH"),
        ({"node_selector": {"a b": "c"}}, "write a label"),
        ({"node_selector": "a=b"}, "give pairs"),
        ({"tolerations": ["a=b:Never"]}, "write a taint"),
        ({"start_timeout": "soon"}, "is not a time"),
        ({"pod_template": {"containers": []}}, "`metadata` and `spec`"),
        ({"pod_template": {"spec": []}}, "give a mapping"),
        ({"spot": "yes"}, "true or false"),
    ],
)
def test_what_is_wrong_is_named_with_the_remedy(said: dict[str, Any], answer: str) -> None:
    with pytest.raises(ResourceError, match=answer):
        PodOptions.read(said)
