"""The hosts of a consumer: a slot of this machine, a pod, and a process of `kubeque work`."""
