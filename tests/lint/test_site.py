"""The pages of the HTML site, which `make docs` makes. Each page is listed, and the reference has each public name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kubeque
from docs.generate.operators import OPERATORS
from tests.lint.sources import ROOT, list_files

SITE = Path("docs/site/index.md")


def list_pages() -> Iterator[Path]:
    """Yield the pages that Sphinx finds, without the first one."""
    for path in list_files():
        if path.suffix == ".md" and path != SITE and path.parent in {Path(), Path("docs"), Path("docs/howto")}:
            yield path


def test_every_page_is_listed_once() -> None:
    lists = re.findall(r"^```\{toctree\}\n(.*?)^```", (ROOT / SITE).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    listed = re.findall(r"^(?!:)(?:.* <)?([\w./]+)>?$", "\n".join(lists), re.MULTILINE)
    assert len(lists) == 5
    found = [(ROOT / SITE.parent / f"{line}.md").resolve().relative_to(ROOT) for line in listed]
    assert sorted(found) == sorted(list_pages())


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("docs/python.md", [f"kubeque.{name}" for name in kubeque.__all__]),
        ("docs/operators.md", [name for _, name in OPERATORS if name != "KubequeFunctionOperator"]),
    ],
)
def test_a_reference_has_every_public_name(page: str, names: list[str]) -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    assert [name for name in names if name not in headings] == []


def test_every_operator_of_the_provider_is_described() -> None:
    classes = set()
    for folder in ("operators", "sensors", "task_groups"):
        for path in (ROOT / "kubeque_provider" / folder).glob("*.py"):
            classes |= set(re.findall(r"^class (Kubeque\w+)\(", path.read_text("utf-8"), re.MULTILINE))
    assert classes - {name for _, name in OPERATORS} == {"KubequeJobOperator"}, "the base of the others"
