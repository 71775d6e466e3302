"""The commands of `kubeque`, one module for each, in the groups of `kubeque --help`."""
