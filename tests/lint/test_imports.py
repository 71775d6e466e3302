"""The programs beside the packages import only what the packages have: mypy does not read them."""

from __future__ import annotations

import ast
import importlib

from tests.lint.sources import PACKAGES, ROOT, list_modules


def list_missing_names(source: str) -> list[str]:
    """Return the names that the source imports from our packages and that do not exist, with their lines."""
    return [
        f"{node.lineno}: {node.module}.{name.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES
        for name in node.names
        if not _exists(node.module, name.name)
    ]


def _exists(module: str, name: str) -> bool:
    try:
        if hasattr(importlib.import_module(module), name):
            return True
        importlib.import_module(f"{module}.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in PACKAGES:
            raise
        return False
    return True


def test_benchmarks_and_examples_import_names_that_exist() -> None:
    paths = list(list_modules("benchmarks", "docs", "examples", "example_dags", "consumer_image"))
    assert paths
    assert [f"{p}:{use}" for p in paths for use in list_missing_names((ROOT / p).read_text("utf-8"))] == []


def test_a_missing_name_or_module_is_found() -> None:
    source = "from kubeque.retry import retry\nfrom kubeque.retry import gone\nfrom kubeque.gone import x\n"
    assert list_missing_names(source + "from kubeque.model import text") == [
        "2: kubeque.retry.gone", "3: kubeque.gone.x",
    ]  # fmt: skip
