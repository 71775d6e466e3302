"""A folder of the packages holds few enough modules for a reader to guess which one to open."""

from __future__ import annotations

from collections import Counter

from tests.lint.sources import PACKAGES, list_modules

#: Modules of one folder, `__init__.py` not counted.
MOST_MODULES = 17


def test_no_folder_holds_too_many_modules() -> None:
    counts = Counter(str(path.parent) for path in list_modules(*PACKAGES) if path.name != "__init__.py")
    assert len(counts) > 20, "the folders of the packages were not found"
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}
