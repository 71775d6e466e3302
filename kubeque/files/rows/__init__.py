"""The rows of a sweep: read from tables, made from the names of files, and stored as pages."""
