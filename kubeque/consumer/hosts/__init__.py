"""The two kinds of place in which a consumer runs: a slot of one machine, and a pod."""
