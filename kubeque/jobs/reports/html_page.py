"""A self-contained HTML page. It loads nothing, runs only its own scripts, and escapes every value."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from kubeque.model.text import printable

#: Maximum length of a value on a page, characters.
SHOWN = 200
#: Characters that may end a script block in some parsers, with their escapes.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def text(value: object, limit: int = SHOWN) -> str:
    """Return a value as HTML text or attribute, at most `limit` characters long.

    The text is escaped and has no control characters.
    """
    return escape(printable(value, limit), quote=True)


def data(element_id: str, value: Any) -> str:
    """Return a script block with JSON for the page's own script. No value can end the block."""
    body = json.dumps(value, separators=(",", ":"), allow_nan=False)  # ASCII only, so U+2028 is escaped
    for char, spelled in _UNSAFE.items():
        body = body.replace(char, spelled)
    return f'<script type="application/json" id="{element_id}">{body}</script>'


def page(title: str, body: str, *, scripts: Sequence[str], kind: str) -> str:
    """Return the page. `body`: HTML made with `text` and `data`. `scripts`: names of files in this folder."""
    style = _asset("page.css")
    code = [_asset(name) for name in scripts]
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {' '.join(map(_hash, code))}; base-uri 'none'; form-action 'none'"
    )
    return "\n".join([
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="referrer" content="no-referrer">',
        '<link rel="icon" href="data:,">',
        f"<title>{text(title)}</title>",
        f"<style>{style}</style>",
        "</head>",
        f'<body class="{kind}">',
        body,
        *(f"<script>{item}</script>" for item in code),
        "</body>",
        "</html>",
        "",
    ])  # fmt: skip


def _asset(name: str) -> str:
    return files("kubeque.jobs.reports").joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    """Return the source expression that permits one style or script (www.w3.org/TR/CSP3, 2.3.1)."""
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
