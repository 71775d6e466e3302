"""Write a folder as a container image in an archive.

`docker load`, `kind load image-archive` and `ctr images import` read such archives.
This needs neither a registry nor the rights of root. The image has one layer, and root owns all of its files. Equal
folders give identical images.

    python consumer_image/archive.py FOLDER IMAGE FILE.tar [user=1234] [entrypoint=/bin/app] [env=NAME=VALUE]
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Modification time of all files in an image, Unix seconds: 2000-01-01. It is fixed, so that images are reproducible.
EPOCH = 946_684_800
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(folder: Path, name: str, target: Path, **config: Any) -> str:
    """Write the folder `folder` as the image `name` to the archive `target`. Return the id of the image.

    `config`: settings of the image by their names in the OCI format, for example User, Entrypoint, Cmd, Env.
    """
    layer = target.with_name(target.name + ".layer")
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in _sorted(folder):
            tar.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=_plain)
    with open(layer, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    image = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Env": [_PATH], **config},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created_by": "consumer_image/archive.py"}],
        },
        sort_keys=True,
    ).encode()
    config_name = f"{hashlib.sha256(image).hexdigest()}.json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [full_name(name)], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(target, "w") as tar:
        for member, data in ((config_name, image), ("manifest.json", manifest)):
            info = tarfile.TarInfo(member)
            info.size, info.mtime = len(data), EPOCH
            tar.addfile(info, io.BytesIO(data))
        tar.add(layer, arcname="layer.tar", filter=_plain)
    layer.unlink()
    return config_name.removesuffix(".json")


def full_name(name: str) -> str:
    """Return the full name of an image, with its registry and tag. Container runtimes use this form.

    The defaults are those of Docker: `docker.io/library/` and `latest`.
    """
    head, _, rest = name.partition("/")
    if not rest:
        name = f"docker.io/library/{name}"
    elif "." not in head and ":" not in head and head != "localhost":
        name = f"docker.io/{name}"
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"


def _sorted(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _sorted(path)


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = EPOCH
    info.pax_headers = {}
    return info


def main(words: list[str]) -> None:
    folder, name, target, *settings = words
    config: dict[str, Any] = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        if key == "env":
            config.setdefault("Env", [_PATH]).append(value)
        else:
            config[{"user": "User", "workdir": "WorkingDir", "entrypoint": "Entrypoint", "cmd": "Cmd"}[key]] = (
                value.split() if key in ("entrypoint", "cmd") else value
            )
    print(write_archive(Path(folder), name, Path(target), **config))


if __name__ == "__main__":
    main(sys.argv[1:])
