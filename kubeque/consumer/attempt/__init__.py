"""Run one attempt: its directory, process, limits and logs."""
