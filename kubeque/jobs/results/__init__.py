"""Results of a job: tables, fetch and collect."""
