"""Hide logins in the URLs of a text: passwords, tokens and signatures. Each message of an error of kubeque is filtered.

All functions take linear time, because text from outside can be long.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"\S+")
#: `://user:` in a URL, which is the text before a password. A slash may be missing by mistake. A number before a slash
#: is a port, not a password.
_PASSWORD = re.compile(r"(?<=[A-Za-z0-9+.-]):/{1,3}[^\s:/@]*:(?!\d{1,5}(?:[/?#,;:)'\"\s]|$))")
#: Scheme and user name of a URL without a password. With these schemes, the user name can be a token.
_TOKEN = re.compile(r"(\b(?:https?|ftps?|git|ssh)(?:\+\w+)?:/{1,3})[^\s:/@]+@", re.IGNORECASE)
_PARAMETER = re.compile(r"([?&]([^\s=&#?]*+)=)[^\s&#'\"]*")
_SECRET = re.compile(r"password|passwd|secret|token|key|sig|credential", re.IGNORECASE)


def hide_logins(text: str) -> str:
    """Return `text` with `***` in place of each login in a URL."""
    if ":/" not in text:
        return text
    text = _WORD.sub(lambda word: _hide_password(word[0]), text) if "@" in text else text
    return _PARAMETER.sub(_hide_parameter, _TOKEN.sub(r"\1***@", text))


def hide_logins_of(url: str, text: str) -> str:
    """Return `text` without logins. The password of `url` is hidden even where a server quotes it alone."""
    start, end = _find_password(url)
    return hide_logins(text.replace(url[start:end], "***") if start < end else text)


def _find_password(word: str) -> tuple[int, int]:
    """Return start and end of the password in a word with a URL; (0, 0) without one.

    The password ends at the last @ of the word, because it can contain an @.
    """
    found, end = _PASSWORD.search(word), word.rfind("@")
    return (found.end(), end) if found and found.end() <= end else (0, 0)


def _hide_password(word: str) -> str:
    start, end = _find_password(word)
    return f"{word[:start]}***{word[end:]}" if end else word


def _hide_parameter(found: re.Match[str]) -> str:
    return f"{found[1]}***" if _SECRET.search(found[2]) else found[0]
