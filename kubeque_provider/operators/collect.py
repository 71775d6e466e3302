"""The table of a sweep as one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.operators.job import KubequeJobOperator


class KubequeCollectOperator(KubequeJobOperator):
    """Write the table of a job, all rows with all that they wrote, to `dest`: a .csv or .parquet file, or such a URL.

    A relative `dest` starts at the folder of the DAG file. Parameters stay text unless `infer`: then a column of
    nothing but numbers, or true and false, becomes one of these. Returns {dest, rows, columns}.
    """

    template_fields: Sequence[str] = (*KubequeJobOperator.template_fields, "dest")
    ui_color = "#d7f0e0"

    def __init__(self, *, dest: str, infer: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dest = dest
        self.infer = infer

    def act(self, hook: KubequeHook, name: str, context: Any) -> dict[str, Any]:
        """Write it. Raises UserError for a file that cannot be."""
        done = hook.get_conn().collect(name, self.place(self.dest), infer=self.infer)
        self.log.info("%s: %d rows with %d columns in %s", name, done.rows, len(done.columns), done.dest)
        return {"dest": done.dest, "rows": done.rows, "columns": [column.shown for column in done.columns]}
