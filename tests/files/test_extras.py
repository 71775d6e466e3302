"""A library that is not installed is named by the extra that brings it."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKED = """
import sys
for name in ("gcsfs", "s3fs", "aiohttp"):
    sys.modules[name] = None
from kubeque.files.store import Files
from kubeque.model.errors import MissingExtra
try:
    Files().check_writable(sys.argv[1]) if sys.argv[1].startswith(("gs", "s3")) else Files().read(sys.argv[1])
except MissingExtra as error:
    print(error, error.exit_code)
"""


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("gs://b/x", "pip install 'kubeque[google]'"),
        ("s3://b/x", "pip install 'kubeque[s3]'"),
        ("https://host/x", "pip install aiohttp"),
    ],
)
def test_the_message_names_url_and_remedy(url: str, remedy: str) -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED, url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert url in done.stdout
    assert remedy in done.stdout
    assert done.stdout.strip().endswith(" 2")
