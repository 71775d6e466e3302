"""Values, rules and errors of kubeque.

These modules use no network. Only the modules for the configuration, for functions and for user paths use files.
"""
