"""Bring the results of a sweep into a folder, or to a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubeque.model.rows.index_ranges import parse_ranges
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.operators.job import KubequeJobOperator


class KubequeFetchOperator(KubequeJobOperator):
    """Fetch results into `dest`/{index}/ and `dest`/results.csv; what is there already is not fetched again.

    `dest` is a folder, which starts at that of the DAG file if it is relative, or a URL as in `"gs://bucket/{{ ds }}"`;
    `force` takes one that is not empty. `indexes`: only of these rows, as in `"3,5-9"` or `[3, 5]`. `state`: only of
    rows that are `ok` or `failed`. `glob`: only such files, as in `"*.png"` or `["*.png", "**/*.csv"]`. Returns
    {dest, tasks, files}: what is there, and what was written now.
    """

    template_fields: Sequence[str] = (*KubequeJobOperator.template_fields, "dest", "indexes", "state", "glob")
    ui_color = "#d7f0e0"

    def __init__(
        self,
        *,
        dest: str,
        force: bool = False,
        indexes: str | Sequence[int] | None = None,
        state: str | None = None,
        glob: str | Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dest = dest
        self.force = force
        self.indexes = indexes
        self.state = state
        self.glob = glob

    def act(self, hook: KubequeHook, name: str, context: Any) -> dict[str, Any]:
        """Fetch. Raises UserError for a choice or a folder that is no good."""
        found = hook.get_conn().fetch(
            name, self.place(self.dest), force=self.force, state=self.state,
            indexes=parse_ranges(self.indexes) if isinstance(self.indexes, str) else self.indexes,
            globs=[self.glob] if isinstance(self.glob, str) else self.glob,
        )  # fmt: skip
        self.log.info("%s: %d tasks fetched, %d were there, in %s", name, found.tasks, found.kept, found.dest)
        return {"dest": found.dest, "tasks": found.tasks + found.kept, "files": found.files}
