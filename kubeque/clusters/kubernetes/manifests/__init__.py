"""Manifests of the Kubernetes Jobs, pods and Secrets that kubeque creates."""
