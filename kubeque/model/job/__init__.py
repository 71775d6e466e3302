"""Jobs, their specs and their tasks."""
