"""A repair keeps each ok row whose own values are unchanged, whatever else changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client, Effect, Existing
from kubeque.model.errors import UserError
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.rows.grid import sequence
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep


class Desk:
    """Helper that submits the sweep `job`. Its program records the value of each run, and fails for `x`."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client, self.folder, self.seen = client, folder, list[Effect]()
        self.script("one")

    def script(self, version: str) -> None:
        (self.folder / "run.sh").write_text(f'# {version}\necho "$1" >> {self.folder}/runs\ntest "$1" != x\n')

    def submit(
        self, values: Sequence[object], *, existing: Existing = Existing.REPAIR, words: Sequence[str] = ("{n}",),
        column: str = "n", **more: object,
    ) -> list[str]:  # fmt: skip
        """Submit the sweep with a row for each value, wait for its end, and return the values that ran."""
        (self.folder / "runs").unlink(missing_ok=True)
        rows = from_records([{column: value} if isinstance(value, str) else value for value in values])  # type: ignore[misc]
        sweep = Sweep(["sh", "^run.sh", *words], rows, name="job", base=self.folder, **more)  # type: ignore[arg-type]
        self.client.submit(sweep, existing=existing, confirm=self._confirm)
        self.client.wait("job", timeout=60)
        runs = self.folder / "runs"
        return sorted(runs.read_text().split()) if runs.exists() else []

    def _confirm(self, effect: Effect) -> bool:
        self.seen.append(effect)
        return True


@pytest.fixture
def desk(client: Client, tmp_path: Path) -> Desk:
    desk = Desk(client, tmp_path)
    assert desk.submit(["1", "2", "x", "4"], existing=Existing.REFUSE) == ["1", "2", "4", "x"]
    return desk


def new_script(desk: Desk) -> dict[str, object]:
    desk.script("two")
    return {}


CHANGES: dict[str, Callable[[Desk], dict[str, object]]] = {
    "nothing": lambda _: {},
    "script": new_script,
    "environment": lambda _: {"env": {"A": "1"}},
    "command": lambda _: {"words": ("{n}", "more")},
    "memory": lambda _: {"memory": "100Mi"},
    "file": lambda desk: {"push": (f"{desk.folder}/run.sh:other.sh",)},
    "kept files": lambda _: {"results": ("*.txt",)},
    "series": lambda desk: {"series": "s", "skip_done": True, **new_script(desk)},
}


@pytest.mark.parametrize(
    ("change", "values", "ran"),
    [
        *((change, ["0", "4", "2", "3", "1", "1"], ["0", "1", "3"]) for change in CHANGES),
        ("script", ["1", "2", "3", "4"], ["3"]),
        ("script", ["1", "2", "x", "4"], ["x"]),
        ("memory", ["1", "2", "x", "4"], ["x"]),
    ],
)
def test_only_rows_that_are_not_ok_run(desk: Desk, change: str, values: list[str], ran: list[str]) -> None:
    desk.script("one")
    assert desk.submit(values, **CHANGES[change](desk)) == ran  # type: ignore[arg-type]

    effect = desk.seen[-1]
    assert (effect.run, effect.kept, effect.again, effect.lost) == (len(ran), 3, 0, 0)


def test_a_revision_later_runs_only_the_rows_of_the_earlier_script(desk: Desk) -> None:
    desk.script("two")
    desk.submit(["1", "2", "3", "4"])
    assert desk.submit(["1", "2", "3", "4"], existing=Existing.REVISE) == ["1", "2", "4"]
    assert desk.submit(["1", "2", "3", "5"], existing=Existing.REPAIR) == ["5"]
    assert desk.submit(["1", "2", "3", "5", "6"], existing=Existing.REVISE) == ["6"]


def test_equal_rows_keep_as_many_results_as_there_are(desk: Desk) -> None:
    assert desk.submit(["a", "x", "a"], existing=Existing.REPLACE) == ["a", "a", "x"]
    desk.script("two")
    assert desk.submit(["x", "a", "a", "a"]) == ["a", "x"]
    assert desk.submit(["a"]) == []
    assert (desk.seen[-1].kept, desk.seen[-1].lost) == (1, 2)


def test_rows_without_columns_are_matched_by_number(client: Client) -> None:
    for n, word in ((3, "one"), (5, "two")):
        client.submit(Sweep(["echo", word], sequence(n), name="job"), existing=Existing.REPAIR)
        client.wait("job", timeout=60)
    outcomes = [line.view.record.outcome for line in client.lines("job")]
    assert [bool(outcome and outcome.linked) for outcome in outcomes] == [True] * 3 + [False] * 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"column": "m", "words": ("{m}",)}, "the columns changed from n to m"),
        ({"values": [{"n": "1", "m": "2"}]}, "the columns changed from n to n, m"),
        ({"values": ["2", "1", "3"], "words": ("{n}", "{index}")}, "the command has {index}"),
    ],
)
def test_a_repair_that_cannot_match_rows_is_refused_before_anything_changes(
    desk: Desk, change: dict[str, Any], reason: str
) -> None:
    before, words = desk.client.job("job"), change.get("words", ("{n}",))
    values = [
        {change.get("column", "n"): value} if isinstance(value, str) else value
        for value in change.get("values", ["1", "2", "3"])
    ]
    sweep = Sweep(["sh", "^run.sh", *words], from_records(values), name="job", base=desk.folder)

    for confirm in (None, lambda _: True):
        with pytest.raises(UserError) as refused:
            desk.client.submit(sweep, existing=Existing.REPAIR, confirm=confirm)
        assert reason in str(refused.value)
        assert "--revise" in str(refused.value)
        assert desk.client.job("job") == before


def test_without_ok_rows_columns_can_change(client: Client, tmp_path: Path) -> None:
    desk = Desk(client, tmp_path)
    desk.submit(["x"], existing=Existing.REFUSE)
    assert desk.submit(["1"], column="m", words=("{m}",)) == ["1"]


# ---------------------------------------------------------------------- the reason why ok rows run again
def test_the_reason_is_the_change_since_the_rows_ran(desk: Desk) -> None:
    # Given ok rows of the first script, and a later revision with the second script
    desk.script("two")
    desk.client.reset("job", update=True)
    desk.client.wait("job", timeout=60)

    # When only a row is corrected, then only the script is the reason
    desk.submit(["1", "2", "3", "4"], existing=Existing.REVISE)
    assert (desk.seen[-1].again, desk.seen[-1].changed) == (3, ("run.sh",))
    assert str(desk.seen[-1]).endswith("3 ok rows will run again because run.sh changed since they ran")

    # And if more changes, all reasons are named
    desk.script("three")
    desk.submit(["1", "2", "3", "4", "5"], existing=Existing.REVISE, words=("{n}", "more"), env={"A": "1"})
    assert str(desk.seen[-1]).endswith(
        "because run.sh, the command and the environment variables changed since they ran"
    )

    # And rows that a repair kept are compared with nothing that is stored
    desk.script("four")
    desk.submit(["1", "2", "3", "4", "6"], words=("{n}", "more"), env={"A": "1"})
    desk.submit(["1", "2", "3", "4", "7"], existing=Existing.REVISE, words=("{n}", "more"), env={"A": "1"})
    assert desk.seen[-1].changed == ("the command or an input",)


def test_changed_columns_and_moved_rows_are_reasons(desk: Desk) -> None:
    desk.submit([{"n": "1", "m": "a"}, {"n": "2", "m": "b"}], existing=Existing.REVISE)
    assert desk.seen[-1].changed == ("the columns",)
    desk.submit(["1", "2"], existing=Existing.REPLACE, words=("{n}", "{index}"))
    desk.submit(["2", "1"], existing=Existing.REVISE, words=("{n}", "{index}"))
    assert desk.seen[-1].changed == ("the numbers of the rows",)


# ---------------------------------------------------------------------- rows that were kept
def test_a_kept_row_is_not_explained_as_a_result_of_another_job(desk: Desk) -> None:
    desk.submit(["1", "2", "3", "4"])
    job, row = desk.client.explain("job"), desk.client.explain("job", 0)
    assert "of which 3 are linked to earlier results and did not run again" in job.text
    assert "task 0 of job is ok: it did not run again when the job was changed" in row.text


def test_a_kept_row_has_the_attempts_of_its_result(desk: Desk) -> None:
    desk.submit(["4", "2", "3", "1"])
    assert [row["attempts"] for row in desk.client.table("job")] == [1, 1, 1, 1]
    # Also after a second repair, which links to the result of the first version of the job
    desk.submit(["4", "2", "3", "1", "5"])
    assert [row["attempts"] for row in desk.client.table("job")] == [1, 1, 1, 1, 1]
    # A row that runs again counts its own attempts
    desk.client.reset("job", ResetRule(everything=True))
    desk.client.wait("job", timeout=60)
    assert [row["attempts"] for row in desk.client.table("job")] == [1, 1, 1, 1, 2]
