"""All changes of a block.

The functions are pure. They take a block and the time, and return new blocks. The caller stores the result with one
compare-and-set (`queues/backends/backend.py: swap_block`). The backend refuses to change a stale block (fencing). If
the answer to a commit is lost, `settle` compares the nonce, epoch and seq of the stored block. The result says whether
the commit was applied.
"""

from kubeque.queues.transitions.deaths import charge_disk, reap
from kubeque.queues.transitions.leases import claim, commit, note_command, steal
from kubeque.queues.transitions.orders import kill, link, reset
from kubeque.queues.transitions.settlement import Settled, settle, shows

__all__ = [
    "Settled",
    "charge_disk",
    "claim",
    "commit",
    "kill",
    "link",
    "note_command",
    "reap",
    "reset",
    "settle",
    "shows",
    "steal",
]
