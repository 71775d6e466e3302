"""Formats of files with rows: CSV with any delimiter, and JSON."""
