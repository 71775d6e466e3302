"""Commands that manage the cluster and its consumers."""
