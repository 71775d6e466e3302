"""Hide logins of URLs in text that is shown: passwords, tokens and signatures. Each error of kubeque does this."""

from __future__ import annotations

import re

#: `scheme://user:password@`, up to the last @ before a blank, because an unquoted password can contain an @. A URL may
#: lack a slash by mistake. A number before a slash is a port.
_PASSWORD = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*+:/{1,3}[^\s:/@]*):(?!\d{1,5}(?:[/?#,;:)'\"\s]|$))\S*@")
#: A user without a password, where servers take a token as the user.
_TOKEN = re.compile(r"(\b(?:https?|ftps?|git|ssh)(?:\+\w+)?:/{1,3})[^\s:/@]+@", re.IGNORECASE)
_PARAMETER = re.compile(
    r"([?&][^\s=&#]*(?:password|passwd|secret|token|key|sig|credential)[^\s=&#]*=)[^\s&#'\"]*", re.IGNORECASE
)


def hide_logins(text: str) -> str:
    """Return `text` with `***` in place of each login of a URL."""
    if ":/" not in text:
        return text
    return _PARAMETER.sub(r"\1***", _TOKEN.sub(r"\1***@", _PASSWORD.sub(r"\1:***@", text)))
