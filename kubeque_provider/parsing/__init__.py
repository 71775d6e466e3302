"""Checks while a DAG is parsed. An error means that a task can never run, and a warning that it might not run."""
