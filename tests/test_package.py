"""The wheel is pure Python, has few requirements with only lower bounds, and contains each file that is not Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make dist` makes it, from a copy of what a wheel is made of."""
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("kubeque", "kubeque_provider"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    made = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"],
        cwd=source, capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    (found,) = (source / "dist").iterdir()
    return found


def test_the_wheel_is_pure_and_has_what_is_no_python_too(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = {
        str(path.relative_to(ROOT))
        for package in ("kubeque", "kubeque_provider")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert files - names == set()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"kubeque", "kubeque_provider"}


def test_requirements_have_lower_bounds_only_and_without_extras_they_are_few(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        entry_points = archive.read(name).decode()
    required = [line.partition(";") for line in metadata.get_all("Requires-Dist") or []]
    assert [line for line, _, _ in required if re.search(r"<|==|~=", line)] == []
    assert len([line for line, _, condition in required if "extra" not in condition]) <= 5
    assert "provider_info = kubeque_provider.get_provider_info:get_provider_info" in entry_points
    assert "kubeque = kubeque.cli.__main__:main" in entry_points


def test_an_environment_of_make_has_the_package_once() -> None:
    # Airflow loads the plugin of each one, and warns about the second
    assert len([found for found in distributions() if found.name == "kubeque"]) == 1
