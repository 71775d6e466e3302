"""The configuration and the file it is read from."""
