"""How a pod starts the Python of a consumer or keeper, and what the exit codes of these programs mean."""

from __future__ import annotations

#: Exit code of a consumer or keeper that leaves on request.
TERMINATED = 143
#: Exit code of a process that SIGKILL ended.
KILLED = 137


def python_words(root: str) -> list[str]:
    """Return the words that start the consumer's Python from the folder `root`, with its own loader and libraries."""
    python = f"{root}/python/bin/python3"
    return [f"{root}/lib/ld.so", "--library-path", f"{root}/lib:{root}/python/lib", "--argv0", python, python, "-I"]
