"""Values, rules and errors. Nothing in this package writes or waits. Only the configuration reads a file."""
