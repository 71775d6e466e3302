"""The files of deploy/ say the same as the code and the docs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubeque.clusters.kubernetes.permissions import keeper_account, role

DEPLOY = Path(__file__).parent.parent / "deploy"
FOLDERS = ["kubernetes", "network-policies", "own-cluster"]


def read(path: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / path).read_text()))


def test_the_role_and_the_keeper_are_those_of_the_code() -> None:
    assert read("kubernetes/role.yaml") == [role()]
    assert read("kubernetes/keeper.yaml") == keeper_account("default")


def test_the_page_has_the_same_role() -> None:
    page = (DEPLOY.parent / "docs" / "howto" / "kubernetes.md").read_text()
    blocks = [
        yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "kind: Role\n" in block
    ]

    assert [block["rules"] for block in blocks] == [role()["rules"]]


def test_policies_select_the_pods_by_labels_that_they_have() -> None:
    selected = {policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
                for name in ("consumers", "keepers")
                for policy in read(f"network-policies/{name}.yaml")}  # fmt: skip

    assert selected == {"kubeque-consumer", "kubeque-keeper"}


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl builds the kustomizations")
@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_is_a_kustomization_in_one_namespace(folder: str) -> None:
    done = subprocess.run(["kubectl", "kustomize", DEPLOY / folder], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    assert built
    assert {thing["metadata"].get("namespace") for thing in built} == {"default"}
