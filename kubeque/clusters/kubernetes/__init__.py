"""Run consumers as pods of a Kubernetes cluster."""
