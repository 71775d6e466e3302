"""The log of the programs that clusters start: one line for each message, on standard error."""

from __future__ import annotations

import logging

from kubeque.model.text import safe_text


class SafeFormatter(logging.Formatter):
    """A log formatter that replaces characters that control a terminal, because messages can contain text of users."""

    def format(self, record: logging.LogRecord) -> str:
        return safe_text(super().format(record))


def start_log() -> None:
    """Write the log messages of this process to standard error, from level INFO on."""
    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
