"""Commands that tasks run."""
