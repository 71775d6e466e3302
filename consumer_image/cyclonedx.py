"""Write a list of software (SBOM) in the format CycloneDX 1.5. Equal lists of software give equal files."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote


def pypi(name: str, version: str, licence: str = "") -> dict[str, Any]:
    """Return the component for a Python package. `version`, `licence`: empty if unknown."""
    normal = re.sub(r"[-_.]+", "-", name).lower()
    return component(normal, version, f"pkg:pypi/{normal}", licence)


def debian(name: str, version: str) -> dict[str, Any]:
    """Return the component for a Debian source package."""
    return component(name, version, f"pkg:deb/debian/{quote(name)}")


def component(name: str, version: str, purl: str, licence: str = "") -> dict[str, Any]:
    """Return the component for any software. `purl`: package URL of the software, without the version.

    `version`, `licence`: empty if unknown.
    """
    found: dict[str, Any] = {"type": "library", "name": name}
    if version:
        found |= {"version": version, "purl": f"{purl}@{quote(version)}"}
    else:
        found["purl"] = purl
    if licence:
        found["licenses"] = [{"license": {"name": licence}}]
    return found | {"bom-ref": found["purl"]}


def write_bom(
    name: str, version: str, components: Iterable[Mapping[str, Any]], hashes: Mapping[str, str] | None = None
) -> str:
    """Return the list of software as JSON. `name`, `version`: name and version of the whole.

    `components`: software in the list. `hashes`: SHA-256 (hex) of each file that contains this software, by file name.
    """
    files = [
        {"type": "file", "name": file, "bom-ref": f"file:{file}", "hashes": [{"alg": "SHA-256", "content": digest}]}
        for file, digest in sorted((hashes or {}).items())
    ]
    found = sorted(components, key=lambda item: str(item["bom-ref"])) + files
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": name, "version": version, "bom-ref": name}},
        "components": found,
    }
    # The serial number depends only on the contents, so that two builds give the same file.
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bom, sort_keys=True))
    return json.dumps({**bom, "serialNumber": f"urn:uuid:{number}"}, indent=1, sort_keys=True) + "\n"
