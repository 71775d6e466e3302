"""The log of the programs that clusters start: one line for each message, on standard error."""

from __future__ import annotations

import logging

from kubeque.model.text import safe_text


class SafeFormatter(logging.Formatter):
    """A formatter whose text has no character that a terminal obeys. Names and messages come from outside."""

    def format(self, record: logging.LogRecord) -> str:
        return safe_text(super().format(record))


def start_log() -> None:
    """Write the messages of this process to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
