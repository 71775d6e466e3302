"""Two users of one machine run sweeps at the same time. Neither sees or uses the other's data."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import kubeque

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two other users"),
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not in PATH"),
]


@dataclass(frozen=True)
class User:
    """A user with a home folder."""

    uid: int
    folder: Path
    python: str
    #: Where the packages are that everybody may read.
    packages: Path

    @property
    def home(self) -> Path:
        """Folder of kubeque's data for this user."""
        return self.folder / ".local/share/kubeque"

    def words(self, *words: str) -> list[str]:
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", *words]

    def kubeque(self, *words: str, home: Path | None = None) -> subprocess.Popen[str]:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": str(self.packages)}
        env |= {"KUBEQUE_HOME": str(home)} if home else {}
        return subprocess.Popen(
            self.words(self.python, "-m", "kubeque.cli", *words), cwd=self.folder, env=env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def says(self, *words: str, home: Path | None = None) -> tuple[int, str, str]:
        running = self.kubeque(*words, home=home)
        out, said = running.communicate(timeout=100)
        return running.returncode, out, said

    def may(self, flag: str, path: Path) -> bool:
        return subprocess.run(self.words("test", flag, str(path)), check=False).returncode == 0


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[str, Path]]:
    """A Python that all users can run, and a folder with the packages that all users can enter."""
    python = next(
        (path for name in ("/usr/bin/python3", os.path.realpath(sys.executable)) if (path := _readable(name))), None
    )
    if python is None:
        pytest.skip("there is no Python of this version here that another user may run")
    folder = Path(tempfile.mkdtemp(prefix="kubeque-users-"))
    folder.chmod(0o755)
    packages = folder / "packages"
    shutil.copytree(Path(kubeque.__file__).parent, packages / "kubeque")
    for name in _needed("kubeque"):
        for file in distribution(name).files or ():
            if file.parts[0] not in ("..", "bin") and file.suffix != ".pyc":
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), packages / file)  # type: ignore[arg-type]
    yield python, folder
    shutil.rmtree(folder)


def _readable(python: str) -> str | None:
    """Return the program if other users can run it and it has the version of this Python."""
    ask = "import sys; print(sys.version_info[:2] == tuple(map(int, sys.argv[1:])))"
    stranger = ["setpriv", "--reuid=60999", "--regid=60999", "--clear-groups", python, "-c", ask]
    ran = subprocess.run([*stranger, *map(str, sys.version_info[:2])], capture_output=True, text=True, check=False)
    return python if ran.stdout == "True\n" else None


def _needed(name: str) -> set[str]:
    """Return a distribution and its requirements, recursively. Extras are left out."""
    found, waiting = set[str](), [name]
    while waiting:
        for text in distribution(waiting.pop()).requires or ():
            wanted = Requirement(text)
            if (wanted.marker is None or wanted.marker.evaluate({"extra": ""})) and wanted.name not in found:
                found.add(wanted.name)
                waiting.append(wanted.name)
    return found


@pytest.fixture
def users(place: tuple[str, Path]) -> Iterator[list[User]]:
    python, folder = place
    users = [User(uid, folder / str(uid), python, folder / "packages") for uid in (61001, 61002)]
    for user in users:
        user.folder.mkdir(mode=0o755)  # as many machines have it
        os.chown(user.folder, user.uid, user.uid)
    yield users
    for user in users:
        user.says("stop")
        shutil.rmtree(user.folder)


@pytest.mark.rotating
def test_two_users_sweep_at_once_and_keep_their_own(users: list[User]) -> None:
    # Given two users whose sweeps of one name run at the same time
    # and which try to read the login of the queue in the environment of their consumer
    script = 'echo "$0 of $1"; cat /proc/$PPID/environ 2>/dev/null; true'
    running = [
        user.kubeque(
            "sub", "-n", "same", "--repeat", "20", "--fetch", "back", "sh", "-c", script, "{index}", str(user.uid)
        )
        for user in users
    ]
    for user, sub in zip(users, running, strict=True):
        out, said = sub.communicate(timeout=100)
        assert sub.returncode == 0, out + said
        # Then each has their own results
        texts = [(user.folder / "back" / str(index) / "stdout.txt").read_text() for index in range(20)]
        assert texts == [f"{index} of {user.uid}\n" for index in range(20)]
    # and what kubeque keeps for one cannot be read by the other
    one, other = users
    assert other.may("-x", one.folder)
    assert not other.may("-x", one.home)
    # not even where its folder is opened to all: neither the queue, nor what the consumers say and ran in.
    one.home.chmod(0o755)
    for name in ("queue.db", "fleet/0.slot", "fleet/0.log", "work/0"):
        assert (one.home / name).exists()
        assert not other.may("-r", one.home / name), name


@pytest.mark.parametrize(
    "mode", [0o755, *(pytest.param(mode, marks=pytest.mark.rotating) for mode in (0o700, 0o777))], ids=oct
)
def test_the_home_of_another_user_is_refused_in_one_line(users: list[User], mode: int) -> None:
    one, other = users
    assert one.says("list") == (0, "no jobs yet: kubeque sub COMMAND submits one\n", "")
    one.home.chmod(mode)
    for words in (("list",), ("sub", "true"), ("fetch", "same", "back"), ("stop",)):
        code, _, said = other.says(*words, home=one.home)
        (line,) = said.splitlines()
        assert line.startswith("kubeque: "), words
        assert str(one.home) in line
        assert "set KUBEQUE_HOME to a folder of your own" in line
        assert code in (1, 2)
