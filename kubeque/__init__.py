"""Run one command for each row of a table, as a queue of tasks, on one machine or on Kubernetes."""

from __future__ import annotations

__version__ = "0.3.0"

#: Module of each public name. The module is imported when the name is first used, so `import kubeque` is fast.
_HOMES = {
    "Client": "kubeque.client",
    **dict.fromkeys(
        (
            "ClusterError",
            "CommandError",
            "ConfigError",
            "DestinationError",
            "JobExists",
            "JobFailed",
            "JobNotFound",
            "JobUnreadable",
            "KubequeError",
            "MissingExtra",
            "ParametersError",
            "QueueError",
            "QueueUnavailable",
            "ResourceError",
            "StorageError",
            "UserError",
        ),
        "kubeque.model.errors",
    ),
    "Sweep": "kubeque.model.sweep.sweep",
    "from_records": "kubeque.model.rows.parameters",
    "grid": "kubeque.model.rows.grid",
    "map": "kubeque.mapping",
    "sequence": "kubeque.model.rows.grid",
}
#: Public names. `help(kubeque)` reads this list. Without this list, `help` would leave out imported names.
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'kubeque' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, for tab completion in an interactive session."""
    return sorted([*_HOMES, "__doc__", "__file__", "__name__", "__path__", "__version__"])
