"""The configuration and its file."""
