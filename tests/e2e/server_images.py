"""Images of servers, made on this machine without a registry: its PostgreSQL, and moto beside the consumer's Python."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from kubeque.clusters.consumer_process import python_words
from tests.e2e.images import archive, libraries
from tests.servers.process import NotHere

#: Start script: the part of the image `postgres` that our YAML needs.
_BEGIN = """#!/bin/busybox sh
set -e
umask 077
printf %s "$POSTGRES_PASSWORD" > /tmp/password
BIN/initdb -D /tmp/data -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 --encoding=UTF8 --locale=C
echo "host all all all scram-sha-256" >> /tmp/data/pg_hba.conf
echo "CREATE DATABASE $POSTGRES_DB" | BIN/postgres --single -D /tmp/data postgres
exec BIN/postgres -D /tmp/data -h '*' -k /tmp
"""
#: Packages of moto that its S3 does without.
_NEEDLESS = frozenset(
    {"cfn-lint", "docker", "graphql-core", "openapi-spec-validator", "pyparsing", "antlr4-python3-runtime"}
)


def postgres(folder: Path, name: str) -> Path:
    """The archive of an image with this machine's PostgreSQL that begins as the image `postgres` does."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*"), key=lambda home: float(home.name))
    busybox = shutil.which("busybox")
    if not homes or busybox is None:
        raise NotHere("there is no PostgreSQL of Debian's, or no busybox: apt-get install postgresql busybox-static")
    home, root = homes[-1], folder / "root"
    shared = Path("/usr/share/postgresql") / home.name
    programs = [home / "bin" / program for program in ("initdb", "pg_isready", "postgres")]
    modules = [home / "lib" / module for module in ("plpgsql.so", "dict_snowball.so")]
    for file in [*programs, *modules, *libraries([*programs, *modules])]:
        _copy(file, root)
    shutil.copytree(shared, root / shared.relative_to("/"))
    for zone in ("UTC", "Etc/UTC", "GMT"):
        _copy(Path("/usr/share/zoneinfo") / zone, root)
    (root / "bin").mkdir()
    shutil.copy(busybox, root / "bin" / "busybox")
    for link, target in (("bin/sh", "busybox"), ("bin/pg_isready", f"..{home}/bin/pg_isready"), ("lib64", "usr/lib64")):
        (root / link).symlink_to(target)
    (root / "lib").symlink_to("usr/lib")
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text("postgres:x:999:999::/tmp:/bin/sh\n")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "begin").write_text(_BEGIN.replace("BIN", f"{home}/bin"))
    (root / "begin").chmod(0o755)
    return archive(folder, root, name, {"User": "999:999", "Entrypoint": ["/begin"]})


def s3(folder: Path, name: str, consumer_image: Path) -> Path:
    """The archive of an image that does what `motoserver/moto` does. `consumer_image`: the folder of that image."""
    root = folder / "root"
    shutil.copytree(consumer_image, root, symlinks=True)
    (packages,) = root.glob("python/lib/python3*/site-packages")
    for package in _closure("moto", "server", {}).values():
        for file in package.files or []:
            source = Path(str(file.locate()))
            if ".." not in file.parts and "__pycache__" not in file.parts and _is_wanted(file.parts):
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, packages / file)
    words = [*python_words(""), "-m", "moto.server", "-H", "0.0.0.0", "-p", "5000"]
    return archive(folder, root, name, {"User": "1000:1000", "Entrypoint": words})


def _is_wanted(parts: tuple[str, ...]) -> bool:
    return parts[:2] != ("botocore", "data") or len(parts) == 3 or parts[2] in ("s3", "sts", "iam", "kms")


def _closure(name: str, extra: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """A package and what it needs, by their names."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key not in found and key not in _NEEDLESS:
        found[key] = distribution(name)
        for text in found[key].requires or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                _closure(need.name, ",".join(need.extras), found)
    return found


def _copy(file: Path, root: Path) -> None:
    target = root / file.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy(file, target)
