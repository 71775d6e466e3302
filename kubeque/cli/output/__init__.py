"""The output of the command line: terminal, progress, tables and texts."""
