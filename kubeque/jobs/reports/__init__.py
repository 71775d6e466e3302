"""The report page and the timeline of a job."""
