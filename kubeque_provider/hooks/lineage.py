"""Lineage for OpenLineage: the datasets that an Airflow task has read and written.

The provider apache-airflow-providers-openlineage calls `get_openlineage_facets_on_complete` in the process of the
Airflow task after the task has succeeded. Without that provider, nothing of OpenLineage is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from kubeque.client import absolute_pushes, split_push
from kubeque.lazy_dataclass import dataclass
from kubeque.model.command.command import Word
from kubeque.model.errors import UserError
from kubeque.model.user_paths import expand_home
from kubeque_provider.storage_paths import is_object_path


@dataclass(frozen=True, slots=True)
class DataItem:
    """A file or a folder that an Airflow task has read or written."""

    #: URL or path.
    url: str
    #: Number of rows that were written; None if unknown.
    rows: int | None = None
    #: Names of the columns, for a table.
    columns: Sequence[str] = ()

    @property
    def dataset(self) -> tuple[str, str]:
        """Namespace and name of the dataset, by the naming rules of OpenLineage.

        For example, they are `gs://bucket` and `path`, or `file` and `/path`.
        """
        scheme, mark, rest = self.url.partition("://")
        if not mark or scheme == "file":
            return "file", str(Path(rest if mark else self.url).absolute())
        place, _, name = rest.partition("/")
        return f"{scheme}://{place.rpartition('@')[2]}", name.strip("/") or "/"


def input_files(parameters: Any, words: Iterable[Any], pushes: Iterable[str], base: Path) -> Iterator[DataItem]:
    """Yield the files that a submission reads: the file of the rows, the files of `^` words, and the files of `push`.

    `words`: words of the command. `base`: folder where relative paths start. A file whose path depends on the row is
    left out.
    """
    paths = [str(parameters)] if isinstance(parameters, str | Path) or is_object_path(parameters) else []
    paths += ["".join(map(str, word.parts)) for word in words if isinstance(word, Word) and _is_fixed(word)]
    with suppress(UserError):  # the submission has already read these files
        paths += [split_push(text, base)[0] for text in absolute_pushes([*pushes], base)]
    for path in paths:
        yield DataItem(path if "://" in path else str(base.absolute() / expand_home(path)))


def _is_fixed(word: Word) -> bool:
    return word.upload and all(isinstance(part, str) for part in word.parts)


class HasLineage:
    """Mixin of operators that record what they read and write."""

    _read: tuple[DataItem, ...] = ()
    _written: tuple[DataItem, ...] = ()

    def record_lineage(self, read: Iterable[DataItem], written: Iterable[DataItem]) -> None:
        """Keep the datasets that this try has read and written, for OpenLineage."""
        self._read, self._written = tuple(read), tuple(written)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the datasets of this try as an OperatorLineage."""
        from airflow.providers.openlineage.extractors import OperatorLineage

        return OperatorLineage(
            inputs=[_dataset(item, output=False) for item in self._read],
            outputs=[_dataset(item, output=True) for item in self._written],
        )


def _dataset(item: DataItem, *, output: bool) -> Any:
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset, schema_dataset

    namespace, name = item.dataset
    fields = [schema_dataset.SchemaDatasetFacetFields(name=column) for column in item.columns]
    facets: Any = {"schema": schema_dataset.SchemaDatasetFacet(fields=fields)} if fields else {}
    if not output:
        return InputDataset(namespace=namespace, name=name, facets=facets)
    counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=item.rows)
    statistics: Any = {"outputStatistics": counted} if item.rows is not None else {}
    return OutputDataset(namespace=namespace, name=name, facets=facets, outputFacets=statistics)
