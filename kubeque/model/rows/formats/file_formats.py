"""Recognise files that are not CSV text by their first bytes."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

#: Description of a file format with a remedy, by the first bytes of the file.
_FORMATS: Mapping[bytes, str] = {
    b"PK\x03\x04": "a zip archive, as .xlsx and .ods files are: save the sheet as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "an old Excel file: save the sheet as CSV (UTF-8)",
    b"\x1f\x8b": "compressed with gzip: unpack it first, for example with gunzip -c FILE | kubeque sub -p - ...",
    b"BZh": "compressed with bzip2: unpack it first",
    b"\xfd7zXZ\x00": "compressed with xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it first",
    b"SQLite format 3\x00": "an SQLite database: export the table as CSV",
    b"ARROW1": "a Feather file: write it as CSV, for example with pandas.read_feather(FILE).to_csv(NEW, index=False)",
    b"%PDF-": "a PDF file: save the table as CSV",
    b"\x89PNG": "a picture: save the table as CSV",
    b"\xff\xd8\xff": "a picture: save the table as CSV",
    b"\x89HDF": "an HDF5 file: write the table as CSV",
    b"\x93NUMPY": "a NumPy array: write it as CSV, for example with numpy.savetxt",
    b"\x80\x04\x95": "a Python pickle: write the table as CSV",
    b"\x80\x05\x95": "a Python pickle: write the table as CSV",
    codecs.BOM_UTF32_LE: "UTF-32 text: save it as UTF-8",
    codecs.BOM_UTF16_LE: "UTF-16 text: save it as UTF-8",
    codecs.BOM_UTF16_BE: "UTF-16 text: save it as UTF-8",
}
#: Number of bytes that are examined to detect UTF-16 without a byte order mark.
_SAMPLE = 1024


def describe_format(start: bytes) -> str:
    """Return the format of a file that is not CSV text, and how to get CSV text from it; empty if it can be CSV text.

    `start`: first bytes of the file.
    """
    for magic, what in _FORMATS.items():
        if start.startswith(magic):
            return what
    sample = start[:_SAMPLE]
    return "UTF-16 text: save it as UTF-8" if _is_utf16(sample, "utf-16-le") or _is_utf16(sample, "utf-16-be") else ""


def _is_utf16(sample: bytes, encoding: str) -> bool:
    """True if `sample` is the start of a text in the UTF-16 encoding `encoding`, without a byte order mark."""
    text = sample[: len(sample) // 2 * 2].decode(encoding, errors="ignore")
    return 0 in sample and "\0" not in text and not {",", "\n"}.isdisjoint(text)
