"""`make dist` gives the same bytes on two checkouts, and lists its software."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md")
FOLDERS = ("kubeque", "kubeque_provider", "deploy", "release", "consumer_image", "constraints")


def checkout(folder: Path, *, umask: int, at: int) -> Path:
    """Copy the source as a checkout with this umask makes it, at this time (Unix seconds)."""
    folder.mkdir(parents=True)
    for name in PARTS:
        shutil.copy(ROOT / name, folder)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [folder, *folder.rglob("*")]:
        path.chmod((0o777 if path.is_dir() or path.stat().st_mode & 0o100 else 0o666) & ~umask)
        os.utime(path, (at, at))
    return folder


def dist(folder: Path, *, umask: int, zone: str) -> dict[str, bytes]:
    made = subprocess.run(
        [sys.executable, str(folder / "release" / "dist.py")], cwd=folder, capture_output=True, text=True, umask=umask,
        env={**os.environ, "TZ": zone, "LC_ALL": "C"}, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return {path.name: path.read_bytes() for path in sorted((folder / "dist").iterdir())}


@pytest.mark.rotating
@pytest.mark.timeout(300)
def test_two_checkouts_give_the_same_bytes_and_a_list_of_software(tmp_path: Path) -> None:
    first = dist(checkout(tmp_path / "a", umask=0o022, at=1_700_000_000), umask=0o022, zone="UTC")
    long = tmp_path / "a longer path" / "b"
    second = dist(checkout(long, umask=0o077, at=1_000_000_000), umask=0o077, zone="Asia/Kathmandu")

    assert len(first) == 4
    assert first == second
    for line in first.pop("SHA256SUMS").decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(first[name]).hexdigest() == digest
    (bom,) = (json.loads(data) for name, data in first.items() if name.endswith(".cdx.json"))
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.5")
    named = {item["name"]: item for item in bom["components"]}
    assert named["click"]["purl"] == f"pkg:pypi/click@{named['click']['version']}"
    assert (named["click"]["scope"], named["pandas"]["scope"]) == ("required", "optional")
    assert {item["name"] for item in bom["components"] if item["type"] == "file"} == set(first) - {
        name for name in first if name.endswith(".json")
    }
