"""The command that starts the Python of a consumer or keeper in a pod, and the exit codes of these programs."""

from __future__ import annotations

#: Exit code of a consumer or keeper that leaves because of SIGTERM.
TERMINATED = 143
#: Exit code of a process that SIGKILL ended.
KILLED = 137


def python_words(root: str) -> list[str]:
    """Return the words that start the consumer's Python with its own loader and libraries. `root`: their folder."""
    python = f"{root}/python/bin/python3"
    return [f"{root}/lib/ld.so", "--library-path", f"{root}/lib:{root}/python/lib", "--argv0", python, python, "-I"]
