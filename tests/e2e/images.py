"""Images of users, made on this machine without a registry. One is almost empty, the other has its own Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from consumer_image.archive import write_archive
from tests.servers.process import NotHere

#: Programs of a minimal Debian that tests use.
_PROGRAMS = ("bash", "cat", "cp", "dd", "env", "id", "ls", "mkdir", "rm", "sh", "sleep", "touch", "uname")


def busybox(folder: Path, name: str, **config: object) -> Path:
    """Make an image with only a static busybox: no libc, no loader, no Python. Return the archive."""
    program = shutil.which("busybox")
    if program is None or "statically linked" not in _kind(program):
        raise NotHere("there is no static busybox: apt-get install busybox-static")
    root = folder / "root"
    (root / "bin").mkdir(parents=True)
    shutil.copy(program, root / "bin" / "busybox")
    for applet in ("sh", "cat", "dd", "echo", "env", "id", "kill", "ls", "sleep", "touch"):
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    return archive(folder, root, name, config)


def debian(folder: Path, name: str, **config: object) -> Path:
    """Make an image with the shell, tools and Python of this Debian, and their libraries. Return the archive."""
    python = Path("/usr/bin/python3").resolve()
    if not python.is_file():
        raise NotHere("there is no Debian Python here: apt-get install python3")
    root = folder / "root"
    programs = [Path(found) for name in _PROGRAMS if (found := shutil.which(name, path="/usr/bin:/bin"))]
    for file in [python, *programs, *libraries([python, *programs, *python_extensions(python.name)])]:
        target = root / file.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(file, target)
    (root / "usr/bin/python3").symlink_to(python.name)
    unwanted = shutil.ignore_patterns("__pycache__", "test", "tests", "idlelib", "ensurepip", "config-*")
    shutil.copytree(f"/usr/lib/{python.name}", root / "usr/lib" / python.name, ignore=unwanted, symlinks=True)
    for link in ("bin", "lib", "lib64"):
        if Path(f"/{link}").is_symlink() and not (root / link).exists():
            (root / link).symlink_to(os.readlink(f"/{link}"))
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/bash\n")
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    return archive(folder, root, name, config)


def python_extensions(name: str) -> list[Path]:
    return sorted(Path(f"/usr/lib/{name}/lib-dynload").glob("*.so"))


def libraries(programs: Iterable[Path]) -> set[Path]:
    """Return the libraries to which the programs are linked, including the loader."""
    found: set[Path] = set()
    for program in programs:
        said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
        found |= {Path(path) for path in re.findall(r"(/\S+) \(0x", said)}
    # /lib is a link to /usr/lib on today's Debian
    return {Path(f"/usr{path}") if not str(path).startswith("/usr") else path for path in found}


def archive(folder: Path, root: Path, name: str, config: dict[str, object]) -> Path:
    """Return the archive of the image `name` with the files of `root`."""
    target = folder / "image.tar"
    write_archive(root, name, target, **config)
    return target


def _kind(program: str) -> str:
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return "statically linked" if "not a dynamic executable" in said.stdout + said.stderr else "dynamic"
