"""Turn a sweep into a job."""
