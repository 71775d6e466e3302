"""The connection to kubeque."""
