"""Commands that read the results of a job."""
