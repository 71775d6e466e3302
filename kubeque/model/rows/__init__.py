"""Parameter rows: sources, values and columns."""
