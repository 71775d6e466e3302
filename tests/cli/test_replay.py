"""A replay runs a row again on this machine, with the same inputs and environment, and compares the outcomes."""

from __future__ import annotations

import json
import subprocess

import jsonschema

from docs.generate.schemas import OUTPUTS
from tests.cli.conftest import Shell

PROGRAM = """
import json, os, sys
print("n is", os.environ["KUBEQUE_PARAM_N"], "in attempt", os.environ["KUBEQUE_ATTEMPT"])
open("n.txt", "w").write(open("input.txt").read() + sys.argv[1])
json.dump({"n": int(sys.argv[1])}, open(os.environ["KUBEQUE_OUT"], "w"))
sys.exit(3 if int(sys.argv[1]) and not os.path.exists(sys.argv[2]) else 0)
"""


def test_a_failed_row_ends_the_same_again_and_differs_once_the_world_is_mended(shell: Shell) -> None:
    shell.write("run.py", PROGRAM)
    shell.write("input.txt", "kept ")
    shell.write("rows.csv", "n\n0\n7\n")
    mended = str(shell.folder / "mended")
    shell.run("sub", "-n", "r", "-p", "rows.csv", "-u", "input.txt", "python3", "^run.py", "{n}", mended)
    for name in ("run.py", "input.txt"):
        (shell.folder / name).write_text("changed since")

    again = shell.run("replay", "r", "1")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "the same outcome: exit 3" in again.stdout
    assert "n is 7 in attempt 1" in again.stderr
    folder = shell.folder / "replay-r-1"
    assert (folder / "work" / "n.txt").read_text() == "kept 7"
    assert json.loads((folder / "work" / "row.json").read_text()) == {"n": "7", "index": "1"}
    assert again.stdout.endswith(f"to run the command again: sh {folder}/run.sh\n")
    (folder / "out.json").unlink()
    assert subprocess.run(["sh", folder / "run.sh"], check=False, capture_output=True).returncode == 3
    assert json.loads((folder / "out.json").read_text()) == {"n": 7}

    (shell.folder / "mended").touch()
    other = shell.run("replay", "r", "1", "--into", "elsewhere", "--json")
    assert other.returncode == 1, other.stdout + other.stderr
    told = json.loads(other.stdout)
    (schema,) = (output.schema for output in OUTPUTS if "replay" in output.command)
    jsonschema.validate(told, schema)
    assert [item["what"] for item in told["compared"] if item["same"] is False] == ["cause", "exit code"]
    assert {"n.txt", "stdout", "out.n"} <= {item["what"] for item in told["compared"] if item["same"]}

    taken = shell.run("replay", "r", "1", "--into", "elsewhere")
    assert (taken.returncode, "elsewhere" in taken.stderr) == (2, True)
