"""Checks while a DAG is parsed: errors for what can never run, and warnings for what may not."""
