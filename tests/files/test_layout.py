"""Paths below a results prefix and in the content-addressed store."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kubeque
from kubeque.files import layout
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job, new_uid
from kubeque.model.job.task import Outcome

JOB = Job("job", "uid", 9, "gs://b/job/uid", revision=3, run=2)
ROOT = Path(kubeque.__file__).parents[1]


@pytest.mark.parametrize(
    ("outcome", "url"),
    [
        (None, ""),
        (Outcome(3, 1, Cause.LOST), ""),
        (Outcome(3, 1, Cause.OK, folder="1-abc"), "gs://b/job/uid/tasks/3/1-abc"),
        (Outcome(3, 0, Cause.OK, folder="1-abc", linked="gs://b/old/u/tasks/7"), "gs://b/old/u/tasks/7/1-abc"),
    ],
)
def test_a_result_is_below_its_job_or_below_the_one_it_is_linked_to(outcome: Outcome | None, url: str) -> None:
    assert layout.result_url(JOB, outcome) == url


def test_each_path_is_where_other_versions_of_kubeque_look_for_it() -> None:
    attempt = layout.attempt_url(JOB, 7, layout.attempt_name(2, "0a1b"))

    assert [
        layout.owner_url(JOB.url), layout.spec_url(JOB), layout.spec_url(JOB, 1), layout.page_url(JOB.url, 4),
        layout.keys_url(JOB, 1), layout.links_url(JOB), layout.table_url(JOB), layout.report_url(JOB),
        layout.manifest_url(attempt), layout.output_url(attempt, "a/b.txt"), layout.stream_url(attempt, "stdout"),
        layout.log_url(JOB.url, 7, "2-0a1b"),
    ] == [
        f"gs://b/job/uid/{name}"
        for name in (
            "job.json", "spec-3.json", "spec-1.json", "pages/4.json",
            "keys-1.bin", "links.json", "results-2.csv", "report-2.html",
            "tasks/7/2-0a1b/result.json", "tasks/7/2-0a1b/files/a/b.txt", "tasks/7/2-0a1b/stdout.txt",
            "logs/7/2-0a1b.json",
        )
    ]  # fmt: skip


def test_what_is_written_into_a_path_is_read_back() -> None:
    uid = new_uid()

    assert layout.is_uid(uid)
    assert layout.uid_of(layout.job_folder_url("gs://b", "job", uid)) == uid
    assert layout.split_task_url(layout.task_url(JOB, 7)) == (JOB.url, 7)
    assert layout.attempt_number(layout.attempt_of_log("12-0a1b.json")) == 12
    assert layout.is_spec("spec-12.json")
    assert layout.is_input("0" * 64)


@pytest.mark.parametrize("name", ["", "x", "x-1", "-1", "1.5-a"])
def test_a_foreign_name_is_no_attempt(name: str) -> None:
    assert layout.attempt_number(name) is None


@pytest.mark.parametrize("url", ["", "gs://b/job/uid", "gs://b/job/uid/tasks/", "gs://b/job/uid/tasks/x"])
def test_a_foreign_url_is_no_task(url: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        layout.split_task_url(url)


@pytest.mark.parametrize(
    ("name", "shared"),
    [
        ("tasks/7/1-a/result.json", True),
        ("tasks/70/1-a/result.json", False),
        ("tasks/x/1-a", False),
        ("tasks", False),
        ("logs/7/1-a.json", False),
        ("job.json", False),
    ],
)
def test_files_of_some_tasks_are_told_from_all_others(name: str, shared: bool) -> None:
    assert layout.is_shared(name, {7}) is shared


# ------------------------------------------------------------------ no other module knows a path
#: Parts of a path that only the layout may contain.
_PARTS = (
    "result.json", "links.json", "job.json", "spec-", "keys-", "results-", "report-", "tasks/", "logs/", "pages/",
    "files/", ".clearing", ".users",
)  # fmt: skip
#: Where a URL may be taken apart or a path of a job's folder may be written.
_HOMES = (
    "kubeque/files/layout.py", "kubeque/files/urls.py", "kubeque/files/stores/", "kubeque/files/safe_paths.py",
    "kubeque/jobs/results/destination.py",  # the layout of a fetched folder
    "kubeque_provider/airflow_versions.py",  # these paths are Airflow's
)  # fmt: skip
_FOLDERS = ("kubeque/files", "kubeque/jobs", "kubeque/consumer", "kubeque/queues", "kubeque_provider")


def modules() -> list[Path]:
    found = [path for folder in _FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if not path.relative_to(ROOT).as_posix().startswith(_HOMES)]


def literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """String constants that are not docstrings."""
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body
        if isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node


def paths_written(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each literal that is part of a path in a job's folder, and of each URL joined with one."""
    tree = ast.parse(source)
    for node in literals(tree):
        text = str(node.value)
        # A sentence is not a path.
        if " " not in text and text.lstrip("/").startswith(_PARTS):
            yield node.lineno, repr(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "join":
            for argument in node.args[1:]:
                if isinstance(argument, ast.Constant | ast.JoinedStr):
                    yield node.lineno, ast.unparse(node)


def test_a_path_outside_the_layout_is_found() -> None:
    assert list(paths_written('url = join(job.url, "x")\n')) == [(1, "join(job.url, 'x')")]
    assert list(paths_written('url = f"{job.url}/spec-{n}.json"\n')) == [(1, "'/spec-'")]
    assert not list(paths_written('"""tasks/ and logs/"""\nraise Error("result.json is damaged")\n'))


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_the_layout_writes_paths_of_a_job_folder(path: Path) -> None:
    found = [f"{path}:{line}: {text}" for line, text in paths_written(path.read_text(encoding="utf-8"))]
    assert not found, f"give these paths a function in kubeque/files/layout.py: {found}"


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("gs://bucket/results/job/aaaaaaaaaaa2", True),
        ("/home/me/results/my job/aaaaaaaaaaa2", True),
        ("/home/me/results/job", False),
        ("/home/me/results/job/aaaaaaaaaaa2/tasks", False),
        ("/home/me/results/../other/job/aaaaaaaaaaa2", False),
        ("/home/me/results/../aaaaaaaaaaa2", False),
        ("/home/me/results/./aaaaaaaaaaa2", False),
        ("/home/me/results//aaaaaaaaaaa2", False),
        ("/home/me/results/job/aaaaaaaaaaa2/", False),
        ("aaaaaaaaaaa2", False),
        ("", False),
        ("/", False),
    ],
)
def test_only_a_folder_of_a_job_is_one(url: str, is_one: bool) -> None:
    assert layout.is_job_folder(url) is is_one
