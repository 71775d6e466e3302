"""The two emulators of Google Datastore in gcloud: the legacy emulator, and Firestore's in Datastore mode.

Each refuses or silently ignores different requests, so the tests of Datastore run on both.

    emulator = DatastoreEmulator("legacy")
    emulator.start()
    os.environ["DATASTORE_EMULATOR_HOST"] = emulator.host

The programs are started directly, because a start through gcloud takes three seconds more.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.servers.process import NotHere, Process, free_port, temporary_folder, with_us

KINDS = ("legacy", "firestore")
_LEGACY = ("cloud-datastore-emulator/CloudDatastore.jar", "com.google.cloud.datastore.emulator.CloudDatastore")
_FIRESTORE = (
    "cloud-firestore-emulator/cloud-firestore-emulator.jar",
    "com.google.cloud.datastore.emulator.firestore.CloudFirestore",
)


def _sdk() -> Path:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise NotHere("gcloud is not in PATH")
    beside = Path(gcloud).resolve().parent.parent
    if (beside / "platform").is_dir():
        return beside
    asked = subprocess.run(
        [gcloud, "info", "--format=value(installation.sdk_root)"], capture_output=True, text=True, check=False
    )
    return Path(asked.stdout.strip())


def _java(jar: str, program: str) -> list[str]:
    java, path = shutil.which("java"), _sdk() / "platform" / jar
    if java is None:
        raise NotHere("java is not in PATH")
    if not path.exists():
        raise NotHere(f"{path} is not there: gcloud components install {Path(jar).parent}")
    return [java, "-Duser.language=en", "-Xmx768m", "-XX:+UseSerialGC", "-cp", str(path), program]


class DatastoreEmulator:
    """One emulator on one port, with its data in memory. Raises NotHere if gcloud does not have the emulator."""

    def __init__(self, kind: str) -> None:
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        where = ["start", "--host=127.0.0.1", f"--port={port}"]
        java = _java(*(_LEGACY if kind == "legacy" else _FIRESTORE))
        folder = temporary_folder(kind)
        if kind == "legacy":
            data = folder / "data"
            (data / "WEB-INF").mkdir(parents=True)
            (data / "WEB-INF" / "index.yaml").write_text("indexes:\n")  # by this it knows its folder
            argv = [*java, *where, "--store_on_disk=False", "--consistency=1.0", str(data)]
        else:
            export = [f"--export-on-exit={folder / 'kept'}", "--export-name=all"]  # where that folder is
            argv = [*java, *where, "--database-mode=datastore-mode", *export]
        self._kept = folder / "kept"
        self._process = Process(kind, with_us(argv, "KILL"), folder, gentle=signal.SIGTERM, cwd=folder)

    def start(self) -> None:
        export = self._kept / "all/all.overall_export_metadata"
        self._process.start(self._answers, *([f"--import-data={export}"] if export.exists() else []))

    def stop(self) -> None:
        """End the emulator. Its data is lost."""
        self._process.stop()

    def restart(self) -> None:
        """End the emulator and start it again on the same port, without data."""
        self.stop()
        self.start()

    def stop_and_keep(self) -> None:
        """End Firestore's emulator. After the next start it has the same data.

        It exports before it stops to answer: nobody may write meanwhile, or what was acknowledged would be lost. The
        legacy one cannot do this: it keeps entities, but it numbers versions from 1 again, which no database does.
        """
        self._kept.mkdir(exist_ok=True)
        with urlopen(Request(f"http://{self.host}/shutdown", method="POST"), timeout=30):
            self._process.await_end()
        self._process.stop()

    def frozen(self) -> AbstractContextManager[None]:
        """Freeze the process. Connections to it stay open."""
        return self._process.frozen()

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://{self.host}/", timeout=1) as answer:
                return bool(answer.read().strip() == b"Ok")
        except (URLError, OSError):
            return False
