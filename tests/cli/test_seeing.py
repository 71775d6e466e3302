"""Commands that show jobs and tasks: list, show, sort and priority. The JSON of each command matches its schema."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator

import jsonschema
import pytest

from docs.generate.schemas import OUTPUTS, Output
from tests.cli.conftest import Shell

PROGRAM = (
    "import json, os, sys; lr = float(sys.argv[1]); print('lr', lr)\n"
    "json.dump(dict(loss=lr * 2), open(os.environ['KUBEQUE_OUT'], 'w'))\n"
    "open('a b.txt', 'w').write('x')\n"
    "sys.exit('\\x1b[31mtoo large' if lr > 50 else 0)\n"
)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A job `lr` of four tasks. The losses of the first three are 20, 4 and 18. The last task failed without a loss."""
    folder = tmp_path_factory.mktemp("seeing")
    shell = Shell(folder, folder / "home")
    shell.write("train.py", PROGRAM)
    shell.write("lr.csv", "lr,label\n10,a\n2,b\n9,c\n100,d\n")
    ran = shell.run("sub", "-n", "lr", "-p", "lr.csv", "python3", "^train.py", "{lr}")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    yield shell
    shell.run("stop")


#: These change the job that the tests here look at, or have tests of their own.
ELSEWHERE = (
    "sub", "replay", "reset", "kill", "go", "remove", "stop", "resize", "pool", "pause", "resume", "scale", "priority",
    "send-home",
)  # fmt: skip


def hold_to_schemas(shell: Shell, outputs: Iterable[Output], given: dict[str, str]) -> None:
    for output in outputs:
        words = [given.get(word, word) for word in output.command.split()[1:]]
        ran = shell.run(*words)
        texts = ran.stdout.splitlines() if output.lines else [ran.stdout]
        assert texts, output.command
        for text in texts:
            jsonschema.validate(json.loads(text), output.schema)


def test_what_is_printed_as_json_is_what_the_schemas_say(swept: Shell) -> None:
    outputs = [output for output in OUTPUTS if output.command.split()[1] not in ELSEWHERE]
    hold_to_schemas(swept, outputs, {"JOB": "lr", "INDEX": "3", "COLUMN": "out.loss"})


def test_what_changes_a_job_says_so_as_json(shell: Shell) -> None:
    of = {output.command.split()[1]: output for output in OUTPUTS}
    hold_to_schemas(shell, [o for o in OUTPUTS if o.command.split()[1] == "sub"], {"COMMAND": "true"})
    name = json.loads(shell.run("list", "--json").stdout)[0]["job"]
    hold_to_schemas(shell, [of["reset"], of["remove"]], {"JOB": name})
    assert shell.run("sub", "-n", "open", "--no-wait", "--repeat", "2", "sleep", "60").returncode == 0
    orders = [of[name] for name in ("pause", "scale", "priority", "resume", "stop")]
    hold_to_schemas(shell, orders, {"JOB": "open", "PRIORITY": "-3", "CONSUMERS": "2"})
    assert json.loads(shell.run("status", "open", "--json").stdout)["priority"] == -3
    typo = shell.run("reset", name, "--only-cause", "omo")
    assert (typo.returncode, "oom" in typo.stderr) == (2, True), typo.stderr


def test_tasks_are_sorted_by_a_column_as_numbers_and_what_has_none_comes_last(swept: Shell) -> None:
    def order(*words: str) -> list[int]:
        ran = swept.run("show", "lr", "--json", *words)
        return [json.loads(line)["index"] for line in ran.stdout.splitlines()]

    assert order("--sort", "lr") == [1, 2, 0, 3]  # 9 < 10, although "10" < "9"
    assert order("--sort", "out.loss", "--top", "2") == [1, 2]
    assert order("--sort", "out.loss", "--desc") == [0, 2, 1, 3]
    assert order("--sort", "label", "--desc", "--state", "ok") == [2, 1, 0]

    unknown = swept.run("show", "lr", "--sort", "los")
    assert (unknown.returncode, "out.loss" in unknown.stderr) == (2, True), unknown.stderr


def test_rows_are_selected_by_the_words_of_kill_and_reset(swept: Shell) -> None:
    def indexes(*words: str) -> list[int]:
        ran = swept.run(*words, "--json")
        assert ran.returncode == 0, ran.stderr
        return [json.loads(line)["index"] for line in ran.stdout.splitlines()]

    tasks = ("status", "lr", "--tasks")
    assert indexes(*tasks, "--index", "3,0-1") == [0, 1, 3]
    assert indexes(*tasks, "--where", "lr>9", "--where", "label!=a") == [3]
    assert indexes(*tasks, "--where", "out.loss<20") == [1, 2]
    assert indexes(*tasks, "--state", "ok", "--state", "failed", "--from", "1", "--limit", "2") == [1, 2]
    assert indexes(*tasks, "--index", "0-2", "--from", "2") == [2]
    ranked = ("show", "lr", "--sort", "out.loss")
    assert indexes(*ranked, "--index", "0-2", "--where", "lr<10", "--desc") == [2, 1]
    assert indexes(*ranked, "--state", "failed", "--state", "ok", "--top", "1") == [1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("status lr --tasks --index 3-9", "lr has no task 4 to 9: its tasks are 0 to 3"),
        ("status lr --tasks --where labl=a", "--where labl=a: the column 'labl' does not exist: did you mean 'label'?"),
        ("status lr --tasks --where out.los=1", "--where: no selected task has 'out.los': did you mean 'out.loss'?"),
        ("show lr --sort lr --where lr", "--where 'lr' is not a condition"),
        (
            "status lr --where lr>1",
            "--index, --where, --state, --from, --limit and --sort are about tasks: add --tasks",
        ),
        ("show lr --index 1", "add --sort COLUMN, or list them with kubeque status lr --tasks"),
        ("show lr 1 --sort lr", "--sort lists all tasks of a job: leave out either INDEX or --sort"),
        ("show lr --top 1", "--desc and --top need --sort"),
        ("show lr x", "INDEX"),
    ],
)
def test_a_wrong_selection_is_one_clear_error(swept: Shell, words: str, message: str) -> None:
    ran = swept.run(*words.split())
    assert (ran.returncode, ran.stdout) == (2, "")
    assert message in " ".join(ran.stderr.split()), ran.stderr


def test_a_job_and_a_task_are_shown_with_all_that_is_known(swept: Shell) -> None:
    job = swept.run("show", "lr").stdout
    assert all(word in job for word in ("lr: failed", "3 ok, 1 exit", "train.py", "lr, label", "results-0.csv")), job

    task = swept.run("show", "lr", "3").stdout
    assert all(word in task for word in ("lr 3: failed", "label", "too large", "a b.txt", "attempt")), task
    assert "\x1b" not in task
    missing = swept.run("show", "lr", "4")
    assert (missing.returncode, "0 to 3" in missing.stderr) == (2, True)


def test_a_table_can_be_entered_anywhere(swept: Shell) -> None:
    page = swept.run("status", "lr", "--tasks", "--from", "1", "--limit", "2", "--json").stdout.splitlines()
    assert [json.loads(line)["index"] for line in page] == [1, 2]
    assert swept.run("status", "lr", "--from", "1").returncode == 2  # of what?


def test_peek_shows_a_stream_and_nothing_of_it_acts_on_the_terminal(swept: Shell) -> None:
    seen = swept.run("peek", "lr", "3", "--stderr")
    assert (seen.returncode, seen.stdout) == (0, "too large\n")
    assert "lr 3: failed, attempt 1" in seen.stderr
    assert swept.run("peek", "lr", "0", "-n", "1").stdout == "lr 10.0\n"


def test_doctor_names_what_is_wrong_and_looks_at_the_rest(swept: Shell) -> None:
    assert swept.run("doctor").returncode == 0
    swept.write("bad.conf", "queue_url = postgresql://u:secret@localhost:1/x\n")
    ill = swept.run("--config", "bad.conf", "doctor")
    assert ill.returncode == 1
    assert [line.split()[:2] for line in ill.stdout.splitlines() if "WRONG" in line] == [["WRONG", "queue"]]
    assert "secret" not in ill.stdout + ill.stderr


def test_a_shell_completes_commands_and_names_of_jobs(swept: Shell) -> None:
    assert "_KUBEQUE_COMPLETE=bash_complete" in swept.run("completion", "bash").stdout
    for words, at, expected in (("kubeque pri", "1", "plain,priority"), ("kubeque show l", "2", "plain,lr")):
        env = {**swept.env, "_KUBEQUE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": at}
        kubeque = [sys.executable, "-m", "kubeque.cli"]
        ran = subprocess.run(kubeque, env=env, cwd=swept.folder, text=True, capture_output=True, timeout=60)
        assert ran.stdout.split() == [expected], ran
