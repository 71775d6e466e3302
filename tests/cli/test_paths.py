"""Paths that a user types: `~`, pipes and devices in place of files, and destinations that cannot be written."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Shell

KUBEQUE = f"{sys.executable} -m kubeque.cli"


def bash(shell: Shell, script: str) -> subprocess.CompletedProcess[str]:
    return shell.execute("bash", "-c", script, timeout=110)


def test_a_tilde_is_the_home_folder_in_every_path(shell: Shell, tmp_path: Path) -> None:
    # Given a home folder other than the current one, with files that the command needs
    home = tmp_path / "user"
    home.mkdir()
    (home / "rows.csv").write_text("x\n1\n")
    (home / "conf").write_text("")
    (home / "job.json").write_text(json.dumps({"command": ["true"], "parameters": "~/rows.csv", "fetch": "~/fetched"}))
    # When each option gets a path that no shell has expanded
    script = f"""
    export HOME={home}
    set -e
    k() {{ {KUBEQUE} "$@"; }}
    k --config='~/conf' sub -n t --params='~/rows.csv' --push='~/rows.csv' --fetch='~/results' true
    k sub -n j --file='~/job.json'
    k fetch t '~/again'
    k collect t -o '~/t.csv'
    k report t -o '~/t.html'
    k timeline t -o '~/t.json'
    k replay t 0 --into='~/replayed'
    """
    ran = bash(shell, script)
    # Then all files are in the home folder, and the current folder has no folder called ~
    assert ran.returncode == 0, ran.stderr
    assert not (shell.folder / "~").exists()
    names = {"results", "fetched", "again", "t.csv", "t.html", "t.json", "replayed"}
    assert names <= {path.name for path in home.iterdir()}


PIPED = [
    "printf 'a\\n1\\n2\\n' | {k} sub --dry-run -p - echo {{a}}",
    "printf 'a\\n1\\n2\\n' | {k} sub --dry-run -p /dev/stdin echo {{a}}",
    "{k} sub --dry-run -p <(printf 'a\\n1\\n2\\n') echo {{a}}",
    "mkfifo rows; (printf 'a\\n1\\n2\\n' > rows &); {k} sub --dry-run -p rows echo {{a}}",
    "{k} sub --dry-run -p - echo {{a}} < two.csv",
    """{k} sub --dry-run -f <(echo '{{"parameters": [{{"a": 1}}, {{"a": 2}}], "command": ["echo", "{{a}}"]}}')""",
    """printf 'a\\n1\\n2\\n' | {k} sub --dry-run -f <(echo '{{"parameters": "-", "command": ["echo", "{{a}}"]}}')""",
]


def test_rows_that_can_be_read_only_once(shell: Shell) -> None:
    shell.write("two.csv", "a\n1\n2\n")
    for script in PIPED:
        ran = bash(shell, script.format(k=KUBEQUE))
        assert ran.returncode == 0, script + ran.stderr
        assert [line for line in ran.stderr.splitlines() if line[:2] == "  "] == ["  0: echo 1", "  1: echo 2"], script


REFUSED = {
    "a device without an end": ("{k} sub -p /dev/zero true", "/dev/zero, line 1"),
    "an empty device": ("{k} sub -p /dev/null true", "/dev/null is empty"),
    "a closed standard input": ("{k} sub -p - true <&-", "standard input"),
    "two for one standard input": ("{k} sub -f - -p - true < /dev/null", "-f - and -p -"),
    "a configuration without an end": ("{k} --config /dev/zero sub true", "/dev/zero cannot be read"),
    "a jobspec without an end": ("{k} sub -f /dev/zero", "/dev/zero is larger than 8 MiB"),
    "a push of a pipe": ("{k} sub -u <(echo) true", "not a regular file"),
    "a push with a name too long": ("{k} sub -u $(printf %0300d 1) true", "File name too long"),
    "a full destination": ("{k} sub --fetch . true", "is not empty and does not hold results"),
    "a destination below a file": ("{k} sub --fetch params.csv/x true", "cannot be used (Not a directory)"),
    "a destination that is a file": ("{k} sub --fetch params.csv true", "is a file"),
    "a destination that nobody can make": ("{k} sub --fetch /proc/x true", "/proc/x cannot be used"),
    "a push without a name": ("{k} sub -u . true", "give a name, for example -u .:name"),
    "a word without a name": ("{k} sub cat ^./", "write -u ./:name"),
    "force for nothing": ("{k} sub --force true", "--force has no effect without --fetch"),
}


def test_what_cannot_work_is_refused_before_anything_is_submitted(shell: Shell) -> None:
    before = sorted(path.name for path in shell.folder.iterdir())
    for what, (script, message) in REFUSED.items():
        ran = bash(shell, script.format(k=KUBEQUE))
        assert (ran.returncode, message in ran.stderr) == (2, True), what + ran.stderr
        assert "Traceback" not in ran.stderr, what
    assert sorted(path.name for path in shell.folder.iterdir()) == before
    assert not list((shell.home / "results").glob("*"))


def test_the_results_of_a_sweep_that_is_submitted_again_come_into_the_same_folder(shell: Shell) -> None:
    sub = ("sub", "-n", "again", "--fetch", "out")
    assert shell.run(*sub, "--repeat", "3", "true").returncode == 0
    assert shell.run(*sub, "--repeat", "3", "true").returncode == 0
    assert {path.name for path in (shell.folder / "out").iterdir()} == {".kubeque", "results.csv"}
    (shell.folder / "out" / "0").mkdir()
    shell.write("out/0/mine", "mine")
    # A job with different rows replaces the job, and its results replace the old results. The user's files stay
    assert shell.run(*sub, "--replace", "--repeat", "1", "touch", "made").returncode == 0
    assert {str(path.relative_to(shell.folder / "out")) for path in (shell.folder / "out").glob("[0-9]*/*")} == {
        "0/made", "0/mine",
    }  # fmt: skip
    # A job with a different name is refused without --force
    assert shell.run("sub", "-n", "other", "--fetch", "out", "true").returncode == 2
    assert "other" not in shell.run("list").stdout
    assert shell.run("sub", "-n", "other", "--fetch", "out", "--force", "true").returncode == 0


def test_a_fetch_that_fails_after_the_job_is_not_a_refused_submission(shell: Shell) -> None:
    task = f"mkdir {shell.folder}/out; touch {shell.folder}/out/mine"
    ran = shell.run("sub", "-n", "late", "--fetch", "out", "sh", "-c", task)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("kubeque: late: success; the results could not be fetched: ")
    assert ran.stderr.endswith("to fetch the results: kubeque fetch late OTHER_FOLDER\n")
    assert shell.run("fetch", "late", "elsewhere").returncode == 0


def test_a_device_is_written_to_and_not_replaced(shell: Shell) -> None:
    shell.run("sub", "-n", "j", "true")
    os.mkfifo(shell.folder / "pipe")
    assert bash(shell, f"cat pipe > page & {KUBEQUE} report j -o pipe; wait").returncode == 0
    assert stat.S_ISFIFO(os.stat(shell.folder / "pipe").st_mode)
    assert "<!DOCTYPE html>" in (shell.folder / "page").read_text()
    # A destination that cannot be written is named before the table is made
    refused = shell.run("collect", "j", "-o", "page/t.csv")
    assert (refused.returncode, "page/t.csv cannot be written" in refused.stderr) == (2, True)
