"""A module uses only the public names of another module."""

from __future__ import annotations

import pytest

from tests.lint.private_names import find_foreign_private_names
from tests.lint.sources import PACKAGES, ROOT, list_modules, parse_module_name


def test_no_module_uses_the_private_names_of_another_one() -> None:
    paths = {path: parse_module_name(path) for path in list_modules(*PACKAGES)}
    modules = set(paths.values())
    found = [
        f"{path}:{use}"
        for path, module in paths.items()
        for use in find_foreign_private_names((ROOT / path).read_text("utf-8"), module, modules)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "uses"),
    [
        ("from kubeque.queues.block import _cut", ["1: kubeque.queues.block._cut"]),
        ("from kubeque.queues import _block", ["1: kubeque.queues._block"]),
        ("from kubeque.queues import block\nblock._cut()", ["2: block._cut"]),
        ("import kubeque.queues.block as b\nb._cut()", ["2: b._cut"]),
        ("import kubeque.queues.block\nkubeque.queues.block._cut()", ["2: kubeque.queues.block._cut"]),
        ("from kubeque.queues.block import Block\nBlock._cut()", []),
        ("from kubeque.queues.block import __doc__", []),
        ("import os\nos._exit(1)", []),
        ("_cut = 1\nself._cut", []),
    ],
)
def test_a_foreign_private_name_is_found(source: str, uses: list[str]) -> None:
    modules = {"kubeque.queues", "kubeque.queues.block"}
    assert list(find_foreign_private_names(source, "kubeque.client", modules)) == uses
