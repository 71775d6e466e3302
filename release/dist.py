"""Make the wheel, the source archive, their SHA-256 sums and their list of software, in dist/.

    python release/dist.py [FOLDER]

FOLDER: the checkout (default: that of this file). The same source gives the same bytes, whatever umask, time zone,
owner and path the checkout has. The list of software has the requirements in the versions of constraints/.
"""

from __future__ import annotations

import configparser
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "consumer_image"))
from cyclonedx import pypi, write_bom  # noqa: E402

#: Date of all files in the archives: 2000-01-01, in seconds since 1970, and as a date of a zip file.
EPOCH = 946_684_800
_ZIP_DATE = (2000, 1, 1, 0, 0, 0)
#: Files and folders in the archives. Caches are left out.
_SOURCES = (
    "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", "kubeque",
    "kubeque_provider", "deploy",
)  # fmt: skip


def make(checkout: Path, dist: Path) -> list[Path]:
    """Make the files in the folder `dist`, and return their paths."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.mkdir()
        for name in _SOURCES:
            _copy(checkout / name, source / name)
        env = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "TZ": "UTC"}
        words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "made"]
        subprocess.run(words, cwd=source, env=env, check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(dist, ignore_errors=True)
        dist.mkdir(parents=True)
        made = [_repack(path, dist / path.name) for path in sorted((source / "made").iterdir())]
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in made}
    (wheel,) = (path.name for path in made if path.suffix == ".whl")
    version = wheel.split("-")[1]
    bom, listed = dist / f"kubeque-{version}.cdx.json", dist / "SHA256SUMS"
    bom.write_text(write_bom("kubeque", version, requirements(checkout), sums))
    sums[bom.name] = hashlib.sha256(bom.read_bytes()).hexdigest()
    listed.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))
    return [*made, bom, listed]


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.py[co]"))
    elif source.exists():
        shutil.copy(source, target)
    for path in [target, *target.rglob("*")]:
        if path.exists():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _repack(path: Path, target: Path) -> Path:
    """Write an archive again, with sorted members, without owners and times."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
            for info in sorted(old.infolist(), key=lambda info: (info.filename.endswith("/RECORD"), info.filename)):
                plain = zipfile.ZipInfo(info.filename, _ZIP_DATE)
                plain.compress_type, plain.create_system = zipfile.ZIP_DEFLATED, 3
                plain.external_attr = (0o100755 if info.external_attr >> 16 & 0o100 else 0o100644) << 16
                new.writestr(plain, old.read(info))
        return target
    data = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime, member.pax_headers = EPOCH, {}
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    with open(target, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(data.getvalue())
    return target


def requirements(checkout: Path) -> Iterator[dict[str, Any]]:
    """Yield the requirements of kubeque and its extras, with the versions with which it is tested."""
    setup = configparser.ConfigParser()
    setup.read(checkout / "setup.cfg", encoding="utf-8")
    tested = dict(
        re.findall(r"^([\w.-]+)==(\S+)", (checkout / "constraints" / "airflow-3.3-python-3.11.txt").read_text(), re.M)
    )
    extras = setup["options.extras_require"]
    wanted = {("required", line) for line in setup["options"]["install_requires"].split()}
    wanted |= {
        ("optional", line) for name in extras if name not in ("dev", "test", "test2") for line in extras[name].split()
    }
    scopes: dict[str, str] = {}
    for scope, line in sorted(wanted):  # "optional" comes before "required", which replaces it
        if match := re.match(r"[A-Za-z0-9][\w.-]*", line):
            scopes[match[0].lower()] = scope
    for name, scope in sorted(scopes.items()):
        yield {**pypi(name, tested.get(name, "")), "scope": scope}


if __name__ == "__main__":
    where = Path(sys.argv[1]).resolve() if sys.argv[1:] else REPOSITORY
    for made in make(where, where / "dist"):
        print(f"{made.relative_to(where)}: {made.stat().st_size} bytes")
