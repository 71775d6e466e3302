"""Rows of a sweep as files: read from a table or from names of files, and stored as pages."""
