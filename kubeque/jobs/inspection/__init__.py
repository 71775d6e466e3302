"""Read what a job and its tasks did."""
