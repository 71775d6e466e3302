"""A sweep, the table of its options, and the jobspec (a sweep as a JSON file)."""
