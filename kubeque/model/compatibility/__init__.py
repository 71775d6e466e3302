"""Rules by which different versions of kubeque share a queue and its stored objects."""
