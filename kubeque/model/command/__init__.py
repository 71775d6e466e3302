"""Commands and functions that tasks run."""
