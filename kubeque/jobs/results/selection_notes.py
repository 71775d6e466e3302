"""Notes for the user about patterns that match no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeque.jobs.backends import Backends
from kubeque.jobs.results.file_choice import Globs
from kubeque.lazy_dataclass import dataclass
from kubeque.model.globs import translate
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskState, TaskView
from kubeque.model.text import cut
from kubeque.model.wording import option


@dataclass(slots=True)
class KeptFiles:
    """Counts the ok tasks of a job and their kept files."""

    ok: int = 0
    files: int = 0

    def watch(self, views: Iterable[TaskView]) -> Iterator[TaskView]:
        """Yield the tasks unchanged, and count them."""
        for view in views:
            outcome = view.record.outcome
            if view.state is TaskState.OK and outcome is not None:
                self.ok += 1
                self.files += outcome.files
            yield view

    def notes(self, backends: Backends, job: Job) -> tuple[str, ...]:
        """Return a note if none of the counted ok tasks has a kept file, and `job` has the option `results`.

        Raises StorageError.
        """
        if not self.ok or self.files:
            return ()
        results = backends.spec(job).results
        if not results:
            return ()
        return (
            f"no file of the {self.ok} ok tasks matches {option('results', ', '.join(map(cut, results)))}: other files"
            " were not kept, so correct the pattern and run the tasks again",
        )


def note_results(backends: Backends, job: Job) -> tuple[str, ...]:
    """Return a note if no file of any ok task matches the option `results`. Raises StorageError.

    Reads all tasks if the option is set.
    """
    if not backends.spec(job).results:
        return ()
    kept = KeptFiles()
    for _ in kept.watch(backends.queue.tasks(job)):
        pass
    return kept.notes(backends, job)


def find_matching(globs: Globs, names: Iterable[str]) -> frozenset[str]:
    """Return the globs that match at least one of the names."""
    if not globs:
        return frozenset()
    known = list(names)
    patterns = {glob: translate([glob]) for glob in globs}
    return frozenset(glob for glob, pattern in patterns.items() if any(map(pattern.fullmatch, known)))


def note_globs(globs: Globs, matching: Iterable[frozenset[str]]) -> tuple[str, ...]:
    """Return a note for each glob that matches no file of any task. `matching`: the matching globs of each task."""
    left = dict.fromkeys(globs)
    for found in matching:
        for glob in found:
            left.pop(glob, None)
        if not left:
            break
    return tuple(f"no file of the selected tasks matches {cut(repr(glob))}" for glob in left)
