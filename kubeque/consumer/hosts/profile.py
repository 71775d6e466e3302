"""The properties of a consumer on which its decisions depend."""

from __future__ import annotations

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import lift_class


@dataclass(frozen=True, slots=True)
class ConsumerProfile:
    """The properties of a consumer on which its decisions depend."""

    #: Name of the consumer, which its leases contain.
    owner: str
    #: Size class of the consumer's container; None on one machine, where the consumer serves all size classes.
    size_class: int | None = None
    #: Number of the consumer's slot on one machine; None in a pod.
    slot: int | None = None
    #: Time without a task after which the consumer leaves, seconds.
    linger_seconds: float = 5.0
    #: True if the number of consumers that a job requests limits this consumer and its neighbours.
    governed: bool = True

    def serves(self, job: Job, size_class: int) -> bool:
        """True if this consumer may run tasks of a size class. A pod runs only tasks of exactly its own size class."""
        return self.size_class is None or lift_class(job.shapes, size_class, job.floor) == self.size_class

    def size_classes(self, job: Job) -> list[int] | None:
        """Return the size classes whose tasks this consumer may run; None for all size classes of the job."""
        return None if self.size_class is None else [s for s in range(len(job.shapes)) if self.serves(job, s)]
