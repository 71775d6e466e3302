"""Headless Chromium: the document of a page after its scripts have run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import NotHere, temporary_folder

_SECONDS = 100.0


@dataclass(frozen=True)
class Browser:
    """A Chromium of this machine."""

    path: str

    @classmethod
    def find(cls) -> Browser:
        """Return the Chromium of this machine. Raises NotHere."""
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if path is None:
            raise NotHere("there is no Chromium here: apt-get install chromium")
        return cls(path)

    def render(self, page: Path | str) -> str:
        """Return a file or a page of a server on 127.0.0.1, two seconds of its own time after loading.

        No other host is reached.
        """
        home = temporary_folder("chromium")
        ran = subprocess.run(
            [
                self.path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
                "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                f"--user-data-dir={home / 'profile'}", "--window-size=1200,900", "--virtual-time-budget=2000",
                "--dump-dom", page if isinstance(page, str) else page.resolve().as_uri(),
            ],
            capture_output=True, text=True, timeout=_SECONDS, env={**os.environ, "HOME": str(home)},
        )  # fmt: skip
        shutil.rmtree(home, ignore_errors=True)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


def title(document: str) -> str:
    """Return the title of a rendered document."""
    found = re.search(r"<title>(.*?)</title>", document, re.DOTALL)
    return found[1] if found else ""
