"""Commands whose output the guides show. `docs/record` runs them and writes the blocks; a test runs them again.

A block in a guide begins with `<!-- recorded: NAME -->`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

TRAIN = """\
# KUBEQUE --memory 200Mi
import json
import os
import sys

lr, seed = float(sys.argv[1]), int(sys.argv[2])
if lr > 0.5:
    raise ValueError(f"lr {lr} is too large")
loss = round((lr - 0.1) ** 2 + seed / 1000, 6)
print("loss", loss)
with open(os.environ["KUBEQUE_OUT"], "w") as out:
    json.dump({"loss": loss}, out)
"""
#: Files in the folder of each session, by name.
FILES: Mapping[str, str] = {
    "train.py": TRAIN,
    "img/cat.png": "cat",
    "img/dog 1.png": "dog",
}
_SWEEP = "kubeque sub -n sweep --grid lr=0.1,0.2,0.9 --grid seed=1..2 -- python3 '^train.py' '{lr}' '{seed}'"
#: Lines of each session, by name. Lines that do not begin with `kubeque` are run by sh.
SESSIONS: Mapping[str, tuple[str, ...]] = {
    "failures": (_SWEEP, "kubeque status sweep --tasks --state failed", "kubeque list --state failed"),
    "best rows": (_SWEEP, "kubeque show sweep --sort out.loss --top 2"),
    "logs": (_SWEEP, "kubeque logs sweep --grep loss", "kubeque logs sweep --state failed --stderr --grep Error"),
    "repair": (
        _SWEEP,
        "sed -i 's/lr > 0.5/lr > 1/' train.py",
        _SWEEP.replace(" --grid", " --repair --grid", 1),
    ),
    "layouts": (
        "kubeque sub -n models --grid lr=0.1,0.2 --grid seed=1..2 -- sh -c 'echo $1 > model.txt' sh '{lr}' '{seed}'",
        "kubeque fetch models flat --flat '{lr}-{seed}-{name}'",
        "kubeque fetch models folders --index 0-1 --layout 'lr={lr}/seed={seed}'",
        "find flat folders -type f -not -path '*/.*' | sort",
    ),
    "rows of files": (
        "kubeque sub -n pictures --each 'img/*.png' -- wc -c '^{path}'",
        "kubeque logs pictures",
    ),
    "grid": (
        "kubeque sub -n grid --grid 'lr=log(1e-4,1,5)' --grid seed=1..3 --sample 3 --seed 7 -- echo '{lr}' '{seed}'",
        "kubeque params grid",
    ),
    "mistakes": (
        "kubeque sub -n oops wc -c train.py",
        "kubeque sub 'python3 train.py | tee log'",
    ),
}
#: Number of first lines of a session that its block leaves out, because another block shows them.
HIDDEN: Mapping[str, int] = {"best rows": 1, "logs": 1, "repair": 1}
_BLOCK = re.compile(r"(<!-- recorded: (?P<name>[^>]+?) -->\n```\n)(?P<text>.*?)(```)", re.DOTALL)
#: A line of progress depends on the speed of the machine.
_PROGRESS = re.compile(r"^\S+: (?:waiting|running): .*\n", re.MULTILINE)
_VARIES = re.compile(r"\d+(?:\.\d+)?(?:Mi|Ki|m\d\ds|s|/s|/min)\b(?: ago)?|\d+\.\d\d\b|'[~/][^' ]*'| {2,}")


def read_blocks(page: str) -> dict[str, str]:
    """Return the recorded blocks of a guide by the name of their session."""
    return {found["name"]: found["text"] for found in _BLOCK.finditer(page)}


def replace_blocks(page: str, texts: Mapping[str, str]) -> str:
    """Return a guide with new texts of its recorded blocks."""
    return _BLOCK.sub(lambda found: f"{found[1]}{texts[found['name']]}{found[4]}", page)


def without_progress(output: str) -> str:
    """Return an output without the lines that a faster or slower machine prints otherwise."""
    return _PROGRESS.sub("", output)


def mask(text: str) -> list[str]:
    """Return the lines of an output in sorted order, without times, sizes and the widths of columns."""
    return sorted(_VARIES.sub(" ", line).strip() for line in without_progress(text).splitlines())
