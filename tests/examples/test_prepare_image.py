"""The scripts that build images and push them to a project's registry, as far as they go without docker."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kubeque import __version__

ROOT = Path(__file__).parents[2]
SCRIPTS = {
    "consumer_image/prepare-image": f"gcr.io/proj/kubeque-consumer:{__version__}",
    "examples/docker/prepare-image": "gcr.io/proj/kubeque-sample",
}


def script(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / name, *words], capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_dry_run_prints_what_would_be_run(name: str) -> None:
    said = script(name, "--dry-run", "proj")

    assert said.returncode == 0, said.stderr
    build, push, *_ = said.stdout.splitlines()
    assert build.startswith("docker build ")
    assert f"--tag {SCRIPTS[name]} " in build
    assert push == f"docker push {SCRIPTS[name]}"


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("words", [(), ("--dry-run",), ("a", "b"), ("-x",), ("a b",)])
def test_wrong_words_are_told_how_it_is_called(name: str, words: tuple[str, ...]) -> None:
    said = script(name, *words)

    assert said.returncode == 2
    assert f"{name} [--dry-run] PROJECT" in said.stderr
    assert said.stdout == ""
