"""All changes of a block.

The functions are pure. They take a block and the time, and return new blocks. The caller stores these blocks with one
compare-and-set (`queues/backends/backend.py: swap_block`). The backend refuses the write if the stored block has
changed (fencing). If the answer to a commit is lost, `settle` returns whether the commit was applied. It compares the
nonce, epoch and seq of the stored block with those of the block before the commit.
"""

from kubeque.queues.transitions.deaths import charge_disk, reap
from kubeque.queues.transitions.leases import claim, commit, note_command, steal
from kubeque.queues.transitions.orders import ADOPTABLE, adopt, kill, link, reset
from kubeque.queues.transitions.settlement import Settled, settle, shows

__all__ = [
    "ADOPTABLE",
    "Settled",
    "adopt",
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
