"""Formats of files of rows: CSV with any delimiter, and JSON."""
