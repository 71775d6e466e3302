"""Hide logins of URLs in text that is shown: passwords, tokens and signatures. Each error of kubeque does this.

All functions take linear time, because text from outside can be long.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"\S+")
#: Start of a password, after `scheme://user:`. A URL may lack a slash by mistake. A number before a slash is a port.
_PASSWORD = re.compile(r"(?<=[A-Za-z0-9+.-]):/{1,3}[^\s:/@]*:(?!\d{1,5}(?:[/?#,;:)'\"\s]|$))")
#: User name of a URL without a password. For these schemes, the user name can be a token.
_TOKEN = re.compile(r"(\b(?:https?|ftps?|git|ssh)(?:\+\w+)?:/{1,3})[^\s:/@]+@", re.IGNORECASE)
_PARAMETER = re.compile(r"([?&]([^\s=&#?]*+)=)[^\s&#'\"]*")
_SECRET = re.compile(r"password|passwd|secret|token|key|sig|credential", re.IGNORECASE)


def hide_logins(text: str) -> str:
    """Return `text` with `***` in place of each login of a URL."""
    if ":/" not in text:
        return text
    text = _WORD.sub(lambda word: _hide_password(word[0]), text) if "@" in text else text
    return _PARAMETER.sub(_hide_parameter, _TOKEN.sub(r"\1***@", text))


def hide_logins_of(url: str, text: str) -> str:
    """Return `text` without the password of `url`, also where a server quotes it without the rest of the URL."""
    start, end = _find_password(url)
    return hide_logins(text.replace(url[start:end], "***") if start < end else text)


def _find_password(word: str) -> tuple[int, int]:
    """Return start and end of the password in a word with a URL. A password can contain an @, so the last @ counts."""
    found, end = _PASSWORD.search(word), word.rfind("@")
    return (found.end(), end) if found and found.end() <= end else (0, 0)


def _hide_password(word: str) -> str:
    start, end = _find_password(word)
    return f"{word[:start]}***{word[end:]}" if end else word


def _hide_parameter(found: re.Match[str]) -> str:
    return f"{found[1]}***" if _SECRET.search(found[2]) else found[0]
