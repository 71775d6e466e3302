"""Build the consumer's image from files of this machine: the Python that runs this script, wheels, libc and loader.

    python consumer_image/build.py build/consumer-image IMAGE

makes the folder build/consumer-image and, from this folder, the image build/consumer-image.tar. The folder has `lib/`
(loader, libc and libraries) and `python/` (Python and packages). `software.txt` is the list of all software, and
`software.cdx.json` is the same list in the format CycloneDX.

A pod starts the consumer as `lib/ld.so --library-path lib:python/lib python/bin/python3`. So the consumer needs nothing
from the image of the task. The build needs uv or pip, and ldd. It needs no image registry.
"""

from __future__ import annotations

import compileall
import fnmatch
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from archive import write_archive
from cyclonedx import component, debian, pypi, write_bom

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
CONSTRAINTS = REPOSITORY / "constraints" / f"airflow-3.3-python-{VERSION}.txt"
#: Patterns of files of Python's standard library that no consumer needs: tests, GUI toolkits, installers, other
#: platforms.
NO_STANDARD = (
    "__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "idle_test", "tkinter", "turtle*",
    "turtledemo", "ensurepip", "lib2to3", "pydoc_data",
    "venv", "distutils", "config-*", "_tkinter*", "_test*", "_ctypes_test*",
    "_xxtestfuzz*", "xxlimited*", "readline*", "_curses*", "curses", "_dbm*", "_gdbm*", "nis*", "*.a", "*.exe",
)  # fmt: skip
#: Patterns of files of installed packages that no consumer needs: tests, sources of compiled modules, records of pip.
NO_PACKAGES = (
    "__pycache__", "tests", "test", "testing_gapic", "*.pyi", "*.pyx", "*.pxd", "*.c", "*.h", "*.so.dSYM", "bin", "pip",
    "pip-*", "setuptools", "setuptools-*",
    "RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "examples",
)  # fmt: skip
#: AWS services that the S3 client needs: S3 itself and the services for credentials. The image does not have botocore's
#: descriptions of the other 400 services.
AWS_SERVICES = frozenset({"s3", "sts", "sso", "sso-oidc", "signin"})
#: Libraries that programs load by name at run time. ldd does not list these libraries.
BY_NAME = (
    "libnss_files.so.2",
    "libnss_dns.so.2",
    "libresolv.so.2",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
)


def build(folder: Path, name: str) -> Path:
    """Make the folder and, beside it, the archive with the image and the list of software. Return the archive's path.

    `name`: name of the image.
    """
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "python"
    site = python / "lib" / f"python{VERSION}" / "site-packages"
    copy_python(python)
    install_packages(site)
    copy_kubeque(site)
    found = copy_libraries(folder)
    compile_all(folder)
    shrink(folder, site)
    (folder / "software.txt").write_text("".join(f"{line}\n" for line in software(site, found)))
    bom = write_bom(name, "", components(site, found))
    (folder / "software.cdx.json").write_text(bom)
    folder.with_name(f"{folder.name}.cdx.json").write_text(bom)
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    archive = folder.with_name(f"{folder.name}.tar")
    write_archive(folder, name, archive, Entrypoint=start_words(""), User="65532:65532")
    return archive


def start_words(root: str) -> list[str]:
    """Return the command that starts the consumer's Python if the software is in the folder `root`."""
    python = f"{root}/python/bin/python3"
    return [f"{root}/lib/ld.so", "--library-path", f"{root}/lib:{root}/python/lib", "--argv0", python, python, "-I"]


def copy_python(python: Path) -> None:
    base = Path(sys.base_prefix)
    standard = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(
        standard, python / "lib" / standard.name, symlinks=True, ignore=shutil.ignore_patterns(*NO_STANDARD)
    )
    (python / "bin").mkdir()
    shutil.copy(os.path.realpath(base / "bin" / f"python{VERSION}"), python / "bin" / "python3")
    shared = sysconfig.get_config_var("INSTSONAME")
    for place in (base / "lib", Path(sysconfig.get_config_var("LIBDIR"))):
        if (
            shared
            and shared.endswith(".so.1.0")
            and (place / shared).is_file()
            and not (python / "lib" / shared).exists()
        ):
            shutil.copy(place / shared, python / "lib" / shared)


def install_packages(site: Path) -> None:
    # `make` uses uv, which is in its environment or on the PATH. The official Python images have pip instead.
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    installer = (
        [uv, "pip", "install", "--quiet", "--python", sys.executable]
        if uv
        else [sys.executable, "-m", "pip", "install", "--quiet"]
    )
    link = ["--link-mode", "copy"] if uv else []  # no links to uv's cache, because `build` changes the file modes
    words = [
        *installer,
        *link,
        "--target",
        str(site),
        "--requirement",
        str(HERE / "requirements.txt"),
        "--constraint",
        str(CONSTRAINTS),
    ]
    subprocess.run([*words, "--no-compile"], check=True)
    for path in sorted(site.rglob("*"), reverse=True):
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in NO_PACKAGES):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for path in (site / "botocore" / "data").iterdir():
        if path.is_dir() and path.name not in AWS_SERVICES:
            shutil.rmtree(path)


def copy_kubeque(site: Path) -> None:
    shutil.copytree(REPOSITORY / "kubeque", site / "kubeque", ignore=shutil.ignore_patterns("__pycache__", "*.py[co]"))


def copy_libraries(folder: Path) -> dict[str, Path]:
    """Copy the loader, libc, and each library that a program or library in `folder` needs, to `folder`/lib.

    Return the path on this machine of each copied library, by its name.
    """
    (folder / "lib").mkdir()
    found: dict[str, Path] = {}
    loader = ""
    for program in [folder / "python" / "bin" / "python3", *sorted(folder.rglob("*.so*"))]:
        for name, path in needed(program):
            if name.startswith(("/", "ld-linux")):
                loader = loader or name
            elif folder not in path.parents and not (folder / "python" / "lib" / name).exists():
                found.setdefault(name, path)
    somewhere = found["libc.so.6"].parent
    found |= {name: somewhere / name for name in BY_NAME if name not in found and (somewhere / name).exists()}
    for name, path in found.items():
        shutil.copy(os.path.realpath(path), folder / "lib" / name)
    shutil.copy(os.path.realpath(loader), folder / "lib" / "ld.so")
    return found


def needed(program: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name and the path of each library that a program needs, from the output of ldd.

    ldd prints `name => path (address)` for a library, and `path (address)` for the loader. If a library is missing,
    exit with a message.
    """
    said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    for line in said.splitlines():
        if match := re.fullmatch(r"\s*(\S+) => (/\S+) \(0x[0-9a-f]+\)", line):
            yield match[1], Path(match[2])
        elif match := re.fullmatch(r"\s*(/\S+) \(0x[0-9a-f]+\)", line):
            yield match[1], Path(match[1])
        elif "not found" in line:
            sys.exit(f"{program}: {line.strip()}")


def compile_all(folder: Path) -> None:
    """Compile all Python modules except the Kubernetes client, without timestamps, so that builds are identical."""
    compileall.compile_dir(
        folder / "python", quiet=2, stripdir=str(folder), prependdir="/", maxlevels=50, rx=re.compile("/kubernetes/"),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip


def shrink(folder: Path, site: Path) -> None:
    """Remove debug information from libraries, and the source files of the generated Kubernetes client.

    The client then consists of 700 compiled modules.
    """
    if strip := shutil.which("strip"):
        programs = [*(folder / "python" / "lib").glob("*.so*"), *folder.rglob("lib-dynload/*.so")]
        subprocess.run([strip, "--strip-unneeded", *map(str, programs)], check=True)
    client = site / "kubernetes"
    for source in sorted(client.rglob("*.py")):
        compiled = source.with_suffix(".pyc")
        py_compile.compile(
            str(source), str(compiled), dfile=f"/{source.relative_to(folder)}", doraise=True, optimize=2,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )  # fmt: skip
        source.unlink()
    for cache in client.rglob("__pycache__"):
        shutil.rmtree(cache)


def software(site: Path, libraries: dict[str, Path]) -> Iterator[str]:
    """Yield one line for each package of the image: name, version, and licence if known.

    `site`: folder of Python packages. `libraries`: paths of the copied libraries on this machine, by name.
    """
    yield f"Python {'.'.join(map(str, sys.version_info[:3]))} PSF-2.0"
    lines = set()
    for found in distributions(path=[str(site)]):
        meta = found.metadata
        licence = meta.get("License-Expression") or meta.get("License") or ""
        classified = [c.rpartition(" :: ")[2] for c in meta.get_all("Classifier", []) if c.startswith("License ::")]
        lines.add(
            f"{meta['Name']} {found.version} {(licence.splitlines() or [''])[0] or ', '.join(classified)}".rstrip()
        )
    yield from sorted(lines, key=str.lower)
    yield from sorted({package_of(path) for path in libraries.values()})


def components(site: Path, libraries: dict[str, Path]) -> Iterator[dict[str, Any]]:
    """Yield each package of the image as a component of CycloneDX. The arguments are those of `software`."""
    yield component("Python", ".".join(map(str, sys.version_info[:3])), "pkg:generic/python", "PSF-2.0")
    for found in distributions(path=[str(site)]):
        licence = found.metadata.get("License-Expression") or found.metadata.get("License") or ""
        yield pypi(found.metadata["Name"], found.version, (licence.splitlines() or [""])[0])
    for line in sorted({package_of(path) for path in libraries.values()}):
        name, *more = line.split(" ")
        yield debian(name, more[0]) if more else component(name, "", f"pkg:generic/{name}")


def package_of(path: Path) -> str:
    """Return a text with the Debian source package of a library and its version.

    If no package contains the library, return the name of its file.
    """
    for name in {str(path), os.path.realpath(path), os.path.realpath(path).removeprefix("/usr")}:
        owner = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if owner.returncode == 0:
            package = owner.stdout.split(": ")[0].split(",")[0]
            show = ["dpkg-query", "-W", "-f", "${source:Package} ${source:Version} (Debian)", package]
            return subprocess.run(show, capture_output=True, text=True, check=True).stdout
    return path.name


if __name__ == "__main__":
    made = build(Path(sys.argv[1]).resolve(), sys.argv[2])
    size = sum(
        path.stat().st_size for path in made.with_suffix("").rglob("*") if path.is_file() and not path.is_symlink()
    )
    print(f"{made}: {sys.argv[2]}, {size / 1e6:.0f} MB")
