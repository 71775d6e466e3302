"""Check for names of objects that Google or S3 refuses. Emulators and similar servers accept some of these names."""

from __future__ import annotations

from kubeque.files.urls import scheme, split
from kubeque.model.errors import FileRefused
from kubeque.model.text import printable

#: Maximum length of a name in Google Cloud Storage and S3, bytes of UTF-8.
_NAME_BYTES = 1024
_GOOGLE, _AMAZON = frozenset({"gs", "gcs"}), frozenset({"s3", "s3a"})
#: Beginning of the names that Google reserves for certificates.
_ACME = ".well-known/acme-challenge/"


def check_object_name(url: str) -> None:
    """Raise FileRefused if the store of `url` refuses the name of this object."""
    name = split(url)[1]
    if (problem := _name_problem(scheme(url), name)) is not None:
        raise FileRefused(f"cannot write {printable(url, 200)}: {problem}")


def _name_problem(kind: str, name: str) -> str | None:
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "a store needs names in UTF-8: rename the file"
    if kind in _GOOGLE | _AMAZON and length > _NAME_BYTES:
        return (
            f"the name has {length} bytes with the folders of the job, and the limit is {_NAME_BYTES} bytes:"
            " shorten the name"
        )
    if kind not in _GOOGLE:
        return None
    if "\n" in name or "\r" in name:
        return "Google Cloud Storage takes no line break in a name: rename the file"
    if name in (".", "..") or name.startswith(_ACME):
        return "Google Cloud Storage reserves this name: rename the file"
    return None
