"""The commands of `kubeque`, one module for each command. The folders are the groups of `kubeque --help`."""
