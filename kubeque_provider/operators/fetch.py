"""Operator that fetches the results of a sweep into a folder or a store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubeque.model.rows.index_ranges import parse_ranges
from kubeque_provider.assets import write_extra
from kubeque_provider.downstream import READS, has_sensor_upstream
from kubeque_provider.hooks.failed_rows import check_failed_rows
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.hooks.lineage import DataItem, HasLineage
from kubeque_provider.hooks.unfinished import check_ended
from kubeque_provider.operators.job import KubequeJobOperator
from kubeque_provider.parsing.checks import check_parsed
from kubeque_provider.parsing.selections import check_dest, check_fetch

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath


class KubequeFetchOperator(HasLineage, KubequeJobOperator):
    """Fetch the results of a job into `dest`/{index}/ and `dest`/results.csv. Skip results that were fetched before.

    `dest`: a folder outside of the DAG folder, or a URL, for example `"gs://bucket/{{ run_id }}"`. If `dest` is the
    same in each DAG run, a later run replaces the results of an earlier run. `force`: accept a `dest` that contains
    other files. `indexes`: fetch only these rows, for example `"3,5-9"` or `[3, 5]`. `state`: fetch only rows in this
    state, `ok` or `failed`. `glob`: fetch only matching files, for example `"*.png"` or `["*.png", "**/*.csv"]`.
    `unfinished`: accept a job that has not ended (default: such a job is an error). `allow_failed_rows`: accept a job
    that ended without success. By default, this Airflow task fetches the results of such a job and then fails, except
    if `unfinished` or `state` is set.

    Returns {dest, tasks, files}. `tasks` is the number of tasks in `dest`. `files` is the number of files that this try
    wrote.
    """

    template_fields: Sequence[str] = (*KubequeJobOperator.template_fields, "dest", "indexes", "state", "glob")
    ui_color = "#d7f0e0"
    sweep_role = READS

    def __init__(
        self,
        *,
        dest: str | Path | ObjectStoragePath,
        force: bool = False,
        indexes: str | Sequence[int] | None = None,
        state: str | None = None,
        glob: str | Sequence[str] = (),
        unfinished: bool = False,
        allow_failed_rows: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dest = dest
        self.force = force
        self.indexes = indexes
        self.state = state
        self.glob = glob
        self.unfinished = unfinished
        self.allow_failed_rows = allow_failed_rows
        check_parsed(self)

    @classmethod
    def check_known(cls, values: Mapping[str, Any]) -> None:
        """Raise UserError for a selection that can never work. `values`: arguments, keyed by name."""
        check_fetch(values)

    @classmethod
    def check_whole(cls, values: Mapping[str, Any], dag: Any, params: Collection[str]) -> None:
        """Raise UserError if `dest`, up to its first template, is a path in a folder of DAG files.

        `values`: arguments, keyed by name. `dag`: the DAG; None if unknown.
        """
        check_dest(values, dag)

    def perform(self, hook: KubequeHook, name: str, context: Any) -> dict[str, Any]:
        """Fetch the results of the job `name`, and return {dest, tasks, files}.

        Raises UserError for a wrong selection or `dest`, or for a job that has not ended. If the job ended without
        success, raises RowsFailed after the fetch.
        """
        dest = self.resolve_dest(hook, self.dest, context)
        self.log_other_run(hook, name, context)
        check_ended(hook, name, unfinished=self.unfinished, has_sensor=has_sensor_upstream(self))
        found = hook.get_conn().fetch(
            name, dest, force=self.force, state=self.state,
            indexes=parse_ranges(self.indexes) if isinstance(self.indexes, str) else self.indexes,
            globs=[self.glob] if isinstance(self.glob, str) else self.glob,
        )  # fmt: skip
        self.log.info("%s: %d tasks fetched, %d fetched before, in %s", name, found.tasks, found.kept, found.dest)
        if found.not_kept:
            self.log.warning(
                "%d files of %d tasks were not kept, for example of task %d",
                found.not_kept.files, found.not_kept.tasks, found.not_kept.first,
            )  # fmt: skip
        for note in found.notes:
            self.log.warning("%s: %s", name, note)
        job, tasks = hook.get_conn().progress(name), found.tasks + found.kept
        written = {"dest": found.dest, "tasks": tasks, "files": found.files}
        write_extra(self, context, {"job_id": name, **written, "counts": job.counts.to_wire()})
        self.record_lineage([DataItem(job.job.url)], [DataItem(found.dest, rows=tasks)])
        accepted = self.allow_failed_rows or self.unfinished or self.state is not None
        check_failed_rows(hook, name, f"the results in {found.dest}", accepted=accepted)
        return written
