"""The one entry point to kubeque from Python, for the command line, the Airflow provider and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubeque.client.cluster import ClusterMethods
from kubeque.client.control import ControlMethods
from kubeque.client.results import ResultMethods
from kubeque.client.submission import SubmissionMethods
from kubeque.clusters.open import Access, find_unreachable, is_hosted, is_local
from kubeque.files.inputs.sources import absolute_pushes, split_push
from kubeque.files.layout import report_url
from kubeque.files.rows.row_source import STANDARD_INPUT
from kubeque.files.transfer_progress import Transfer
from kubeque.jobs.inspection.details import JobDetails, TaskDetails
from kubeque.jobs.inspection.doctor import Finding
from kubeque.jobs.inspection.peek import Peek
from kubeque.jobs.inspection.reader import Failures, Reader
from kubeque.jobs.inspection.replay import Replayed
from kubeque.jobs.inspection.row_search import RowSearch
from kubeque.jobs.results.collect import CollectedTable, check_ending
from kubeque.jobs.results.fetch import check_state
from kubeque.jobs.results.file_choice import STREAM_GLOBS, Streams
from kubeque.jobs.results.table import TaskRow
from kubeque.jobs.submission.effect import Effect
from kubeque.jobs.submission.existing import Existing
from kubeque.jobs.submission.plan import Plan
from kubeque.jobs.submission.reset_effect import ResetEffect
from kubeque.jobs.submission.submit import Submitted
from kubeque.jobs.upkeep.consumers import ActiveConsumer
from kubeque.jobs.upkeep.kill_rows import KillEffect
from kubeque.jobs.upkeep.observers import Observer
from kubeque.jobs.upkeep.progress import Progress
from kubeque.jobs.upkeep.space.garbage import Garbage
from kubeque.model.stats.estimate import Estimate
from kubeque.model.stats.spans import By

if TYPE_CHECKING:
    from kubeque.clusters.gke.cluster import GkeCluster as GkeCluster
    from kubeque.clusters.gke.messages import PoolSeen as PoolSeen
    from kubeque.clusters.gke.project import Part as Part

__all__ = [
    "STANDARD_INPUT", "STREAM_GLOBS", "Access", "ActiveConsumer", "By", "Client", "CollectedTable", "Effect",
    "Estimate", "Existing", "Failures", "Finding", "Garbage", "JobDetails", "KillEffect", "Observer", "Peek", "Plan",
    "Progress", "Reader", "Replayed", "ResetEffect", "RowSearch", "Streams", "Submitted", "TaskDetails", "TaskRow",
    "Transfer", "absolute_pushes", "check_ending", "check_state", "find_unreachable", "is_hosted", "is_local",
    "report_url", "split_push",
]  # fmt: skip


class Client(SubmissionMethods, ResultMethods, ControlMethods, ClusterMethods):
    """Submit sweeps, watch them, and fetch their results.

    A method that gets the name of a missing job raises JobNotFound, except `exists`, `cancel` and `check_destination`.
    Every method can raise QueueError and StorageError.
    """
