"""Durations that several parts share: leases, heartbeats, commits, idle polls, and the wait for spot nodes."""

from __future__ import annotations

#: Seconds without a heartbeat after which the tasks of a consumer run elsewhere.
LEASE_SECONDS = 180.0
#: Shortest lease, seconds. A busy machine delays heartbeats by about a second.
MIN_LEASE_SECONDS = 5.0
#: Seconds between two renewals of a lease, at most a third of the lease.
HEARTBEAT_SECONDS = 60.0

#: Seconds of work that one commit reserves, to bound the number of commits. If a command runs for longer, the tasks
#: that are staged behind it are given back.
COMMIT_SECONDS = 5.0
#: Maximum seconds of work that stay reserved behind a running command while another consumer is idle.
SHARE_SECONDS = 0.5
#: Seconds for which an outcome waits for the commit that reserves the next task, so that one write stores both.
SETTLE_SECONDS = 1.0
#: Seconds for which the upload of a result may delay the next reservation.
SAVE_SECONDS = 1.0

#: Seconds for which a consumer waits for a queue or store that does not answer. Then it leaves or drops a result.
RESULTS_WAIT_SECONDS = 3600.0
#: First and longest pause between two tries while the queue or store does not answer, seconds. The longest pause is
#: short, because work continues only at the next try.
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.25, 2.0
#: Seconds that a leaving consumer has to commit its outcomes. Kubernetes ends a pod 20 seconds after the grace period
#: of its command. `kubeque stop` ends a local consumer after 15 seconds.
LEAVE_SECONDS = 10.0

#: First and longest pause between two polls of an idle consumer, seconds. Many idle consumers that poll four times a
#: second load the queue more than busy consumers.
FIRST_IDLE_SECONDS, LONGEST_IDLE_SECONDS = 0.25, 1.0

#: Age in seconds at which a consumer reads the list of its jobs again before it reserves a task, because a job might
#: be paused. If each read costs money, the consumer uses the list of its last review. That list is at most five seconds
#: old.
LIST_SECONDS = 1.0

#: Seconds for which a waiting client tolerates that the queue or the store does not answer. A restart of a service
#: takes a few minutes.
OUTAGE_SECONDS = 300.0

#: Seconds that a consumer waits for a spot machine before it takes any machine.
SPOT_SECONDS = 300.0
