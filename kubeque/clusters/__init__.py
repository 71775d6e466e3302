"""Clusters of consumers: this machine, Kubernetes and GKE."""
