"""A PostgreSQL server for tests. Its data is in a temporary folder, and each test has its own database.

server = PostgresServer()
server.start()
url = server.create_database()
server.restart()
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from tests.servers.process import NotHere, Process, free_port, temporary_folder, with_us

#: The user that owns the databases; it needs a password, as it would in real life.
USER, PASSWORD = "kubeque", "s3cret/word"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
}


def _binary(name: str) -> str:
    """Debian keeps all but the client programs out of PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -float(folder.parent.name))
    found = shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")]))
    if found is None:
        raise NotHere(f"{name} (PostgreSQL) is neither in PATH nor in /usr/lib/postgresql/*/bin")
    return found


def _unprivileged() -> list[str]:
    """Return the command prefix that starts a program as a user other than root. PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        raise NotHere("PostgreSQL does not run as root, and there is no setpriv to become somebody else")
    return ["setpriv", f"--reuid={_account()}", f"--regid={_account()}", "--clear-groups"]


def _account() -> int:
    """The user id to run as: PostgreSQL's own or nobody's."""
    import pwd

    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return 65534


class PostgresServer:
    """One server on one port, with any number of databases. Raises NotHere if PostgreSQL is not installed."""

    def __init__(self, *, fsync: bool = False) -> None:
        """`fsync`: wait for the disk. The machine is not going to lose its power in a test."""
        postgres, self._initdb, self._psql = _binary("postgres"), _binary("initdb"), _binary("psql")
        self.folder = temporary_folder("postgres")
        self.port = free_port()
        self._numbers = itertools.count()
        self._data = self.folder / "data"
        self._as_user = _unprivileged()
        if self._as_user:
            os.chown(self.folder, _account(), _account())
        settings = _SETTINGS | {"fsync": "on" if fsync else "off"}
        words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        argv = [postgres, "-D", str(self._data), "-p", str(self.port), "-k", str(self.folder), *words]
        # The signal of our death is set last: becoming somebody else would clear it.
        self._process = Process(
            "postgres", [*self._as_user, *with_us(argv, "INT")], self.folder, gentle=signal.SIGINT, cwd=self.folder
        )

    def start(self) -> None:
        """Start the server. The first start creates its data."""
        if not self._data.exists():
            self._make_cluster()
        self._process.start(self._answers)

    def stop(self) -> None:
        """End the server. Connections break."""
        self._process.stop()

    def restart(self, *, kill: bool = False) -> None:
        """End it and start it again on the same port; `kill` gives it no time, so that it has to recover."""
        self._process.stop(signal.SIGQUIT if kill else None)
        self.start()

    def frozen(self) -> AbstractContextManager[None]:
        """Freeze all processes of the server. Connections to them stay open."""
        return self._process.frozen()

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        self.sql(f'CREATE DATABASE {name} OWNER "{USER}"')
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{PASSWORD.replace('/', '%2F')}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement as the administrator; what psql prints."""
        done = subprocess.run(
            [*self._as_user, self._psql, "-h", str(self.folder), "-p", str(self.port), "-U", "admin", "-d", database,
             "-XAtqc", statement], cwd=self.folder, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{statement}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _make_cluster(self) -> None:
        subprocess.run(
            [*self._as_user, self._initdb, "-D", str(self._data), "-U", "admin", "--auth-local=trust",
             "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
            cwd=self.folder, capture_output=True, check=True, timeout=120,
        )  # fmt: skip
        self._process.start(self._answers)
        self.sql(f"CREATE ROLE \"{USER}\" LOGIN PASSWORD '{PASSWORD}'")
        self._process.stop()

    def _answers(self) -> bool:
        try:
            return self.sql("SELECT 1") == "1"
        except RuntimeError:
            return False
