"""A broken kubeconfig causes a message of one sentence with its path and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeque.clusters.kubernetes.api import KubernetesApi
from kubeque.model.errors import ConfigError


@pytest.mark.parametrize(
    "content",
    [b"{x", b"[1, 2]", b"hello", b"\xff\xfe\x00", b"contexts: 3\ncurrent-context: x\n", None],
    ids=["no YAML", "a list", "a text", "not UTF-8", "no contexts", "a folder"],
)
def test_a_broken_kubeconfig_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    file = tmp_path / "kubeconfig"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(ConfigError, match=r"the kubeconfig .*/kubeconfig cannot be read \(.*set KUBECONFIG") as found:
        KubernetesApi.connect()
    assert "\n" not in str(found.value)
