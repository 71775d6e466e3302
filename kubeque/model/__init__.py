"""Values, rules and errors. Nothing here writes or waits; only the configuration reads a file."""
