"""Commands that show jobs and their tasks."""
