"""Checks while a DAG is parsed. Errors report what can never run, and warnings report what might not run."""
