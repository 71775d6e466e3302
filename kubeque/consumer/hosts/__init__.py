"""The two hosts of a consumer: a slot of this machine, and a pod."""
