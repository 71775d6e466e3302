"""The rows of a sweep: their sources, their columns and their values."""
