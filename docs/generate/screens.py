"""Screens of live views and tables on terminals of two sizes. `docs/record screens` draws them; a test compares them.

A block in a page begins with `<!-- screen: NAME COLUMNSxROWS -->`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: Columns and rows of the terminals.
SIZES = ((80, 24), (120, 40))
#: Program of the jobs. Rows with the seeds 1 to 5 end at once. The others run until they are killed.
FIT = """\
test "$1" -lt 6 || exec sleep 600
test "$1 $2" != "$3 0.8" || { echo "loss is not a number" >&2; exit 3; }
echo "{\\"loss\\": 0.$1}" > "$KUBEQUE_OUT"
"""
_GRID = "--grid seed=1..10 --grid lr=0.1,0.2,0.4,0.8 -- sh '^fit.sh' '{seed}' '{lr}'"


@dataclass(frozen=True)
class Shown:
    """A command whose screen is recorded."""

    line: str
    #: Regular expressions of a complete screen. The program is ended then. Without them, it is run to its end.
    ready: tuple[str, ...] = ()


_RUNS = ("2 running", "tasks/", r"task [23]\d .*\n  task [23]\d ")
#: Screens by name, in groups. The screens of a group are drawn one after the other in one home folder.
GROUPS: Mapping[str, Mapping[str, Shown]] = {
    "waiting": {
        "running": Shown(f"kubeque sub -n fit {_GRID}", ("20 ok", *_RUNS)),
        "behind another job": Shown(f"kubeque sub -n later {_GRID}", ("40 pending", "fit runs first")),
    },
    "failing": {
        "failures": Shown(f"kubeque sub -n broken {_GRID} 3", ("19 ok", "1 failed", *_RUNS, "failed last")),
        "one job": Shown("kubeque show broken"),
        "one task": Shown("kubeque show broken 11"),
    },
    "list": {"60 jobs": Shown("kubeque list")},
}
_BLOCK = re.compile(
    r"(<!-- screen: (?P<name>[^>]+?) (?P<columns>\d+)x(?P<rows>\d+) -->\n```\n)(?P<text>.*?)(```)", re.DOTALL
)
#: Parts that depend on the machine: its name, its speed, and the length of its folders.
_MACHINE = re.compile(
    r"(?<=^files)    .*(?:\n\S+$)*|(?<=^results) .*(?:\n\S+$)*|^(?:cpu|memory) use .*\n|, peak memory .*"
    r"|(?<=^  task) \d+ .*local:.*|tasks/(?:s|min)|[━╸╺]+ *|local:\S+|local-\w+|(?<=^uid) .*",
    re.MULTILINE,
)
_NUMBER = re.compile(r"\d\S*(?: [kMG]i?B?\b)?")
Blocks = dict[tuple[str, int, int], str]


def read_screens(page: str) -> Blocks:
    """Return the screens in a page by name, columns and rows."""
    return {
        (found["name"], int(found["columns"]), int(found["rows"])): found["text"] for found in _BLOCK.finditer(page)
    }


def replace_screens(page: str, screens: Blocks) -> str:
    """Return a page with other screens."""

    def replace(found: re.Match[str]) -> str:
        return f"{found[1]}{screens[found['name'], int(found['columns']), int(found['rows'])]}{found[6]}"

    return _BLOCK.sub(replace, page)


def mask(text: str) -> list[str]:
    """Return the lines of a screen without numbers, and without parts that depend on the machine."""
    return [" ".join(_NUMBER.sub("", line).split()) for line in _MACHINE.sub("", text).splitlines()]
