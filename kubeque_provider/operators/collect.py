"""Operator that writes a sweep's table to one file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubeque_provider.assets import write_extra
from kubeque_provider.downstream import READS, has_sensor_upstream
from kubeque_provider.hooks.failed_rows import check_failed_rows
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.hooks.lineage import DataItem, HasLineage
from kubeque_provider.hooks.unfinished import check_ended
from kubeque_provider.operators.job import KubequeJobOperator
from kubeque_provider.parsing.checks import check_parsed
from kubeque_provider.parsing.selections import check_dest, check_table

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath


class KubequeCollectOperator(HasLineage, KubequeJobOperator):
    """Write the table of a job, with all rows and their results, to one file.

    `dest`: URL or path of a .csv or .parquet file. A path must be outside of the DAG folder. `infer`: convert columns
    that contain only numbers, or only true and false, to numbers and booleans (default: all columns are text).
    `unfinished`: accept a job that has not ended (default: such a job is an error). `allow_failed_rows`: accept a job
    that ended without success. By default, this Airflow task writes the table of such a job and then fails, except if
    `unfinished` is set.

    Returns {dest, rows, columns}: the path or URL of the file, the number of rows, and the names of the columns.
    """

    template_fields: Sequence[str] = (*KubequeJobOperator.template_fields, "dest")
    ui_color = "#d7f0e0"
    sweep_role = READS

    def __init__(
        self, *, dest: str | Path | ObjectStoragePath, infer: bool = False, unfinished: bool = False,
        allow_failed_rows: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.dest = dest
        self.infer = infer
        self.unfinished = unfinished
        self.allow_failed_rows = allow_failed_rows
        check_parsed(self)

    @classmethod
    def check_known(cls, values: Mapping[str, Any]) -> None:
        """Raise UserError if `dest` does not end with .csv or .parquet. `values`: arguments, keyed by name."""
        check_table(values)

    @classmethod
    def check_whole(cls, values: Mapping[str, Any], dag: Any, params: Collection[str]) -> None:
        """Raise UserError if `dest`, up to its first template, is a path in a folder of DAG files.

        `values`: arguments, keyed by name. `dag`: the DAG; None if unknown.
        """
        check_dest(values, dag)

    def perform(self, hook: KubequeHook, name: str, context: Any) -> dict[str, Any]:
        """Write the table of the job `name`, and return {dest, rows, columns}.

        Raises UserError for a wrong `dest`, or for a job that has not ended. If the job ended without success, raises
        RowsFailed after the table is written.
        """
        dest = self.resolve_dest(hook, self.dest, context)
        self.log_other_run(hook, name, context)
        check_ended(hook, name, unfinished=self.unfinished, has_sensor=has_sensor_upstream(self))
        done = hook.get_conn().collect(name, dest, infer=self.infer)
        self.log.info("%s: %d rows with %d columns in %s", name, done.rows, len(done.columns), done.dest)
        for note in done.notes:
            self.log.info("%s", note)
        job, columns = hook.get_conn().progress(name), [column.shown for column in done.columns]
        write_extra(
            self, context, {"job_id": name, "dest": done.dest, "rows": done.rows, "counts": job.counts.to_wire()}
        )
        self.record_lineage([DataItem(job.job.url)], [DataItem(done.dest, rows=done.rows, columns=columns)])
        accepted = self.allow_failed_rows or self.unfinished
        check_failed_rows(hook, name, f"the results in {done.dest}", accepted=accepted)
        return {"dest": done.dest, "rows": done.rows, "columns": columns}
