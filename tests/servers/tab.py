"""A page in a Chromium that stays open. Tests can wait for its changes and take pictures.

with Tab.open(Browser.find()) as tab:
    tab.go("http://127.0.0.1:8080/")
    tab.until("document.title === 'ready'")
    tab.picture(Path("page.png"))
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.browser import Browser
from tests.servers.process import Process, free_port, temporary_folder, with_us

_PATIENCE = 60.0


class Tab:
    """The one tab of a Chromium, spoken to by its protocol for developers. No host but 127.0.0.1 is reached."""

    def __init__(self, address: str) -> None:
        from websocket import create_connection

        self._line = create_connection(address, timeout=_PATIENCE, suppress_origin=True)
        self._number = 0

    @classmethod
    @contextmanager
    def open(cls, browser: Browser, *, width: int = 1200, height: int = 900) -> Iterator[Tab]:
        """Start a Chromium. It ends with the block."""
        home, port = temporary_folder("chromium"), free_port()
        words = [
            "env", f"HOME={home}", browser.path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-extensions", "--disable-background-networking", f"--remote-debugging-port={port}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={home / 'profile'}",
            f"--window-size={width},{height}", "about:blank",
        ]  # fmt: skip
        process = Process("chromium", with_us(words, "KILL"), home, gentle=signal.SIGTERM, cwd=Path(os.sep))
        found: list[str] = []
        process.start(lambda: bool(found or found.extend(_tabs(port)) or found))
        tab = cls(found[0])
        try:
            yield tab
        finally:
            tab._line.close()
            process.stop()
            shutil.rmtree(home, ignore_errors=True)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol. Raises AssertionError with the browser's words."""
        self._number += 1
        self._line.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while (told := json.loads(self._line.recv())).get("id") != self._number:
            pass  # an event
        assert "error" not in told, told
        result: dict[str, Any] = told["result"]
        return result

    def go(self, address: str) -> None:
        """Start to load a page."""
        self.ask("Page.navigate", url=address)

    def says(self, script: str) -> Any:
        """The value of an expression in the page; None where it cannot be had, as while a page is being loaded."""
        told = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        return None if "exceptionDetails" in told else told["result"].get("value")

    def until(self, script: str) -> Any:
        """Ask until the expression is true; its value."""
        end = time.monotonic() + _PATIENCE
        while not (value := self.says(script)):
            assert time.monotonic() < end, f"{script}\n{self.says('document.body.innerText')}"
            time.sleep(0.1)
        return value

    def dark(self, yes: bool) -> None:
        """As somebody has it whose system is dark, or light."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if yes else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[feature])

    def picture(self, path: Path) -> None:
        """Write what can be seen as a PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))


def _tabs(port: int) -> list[str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
            return [one["webSocketDebuggerUrl"] for one in json.load(answer) if one["type"] == "page"]
    except OSError:
        return []
