"""The consumer: the process that claims tasks and runs them, in a pod or on this machine."""
