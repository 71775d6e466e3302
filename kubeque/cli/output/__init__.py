"""The output of the command line: tables, texts, progress bars and the live view."""
