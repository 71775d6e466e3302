"""Commands that change how a job runs."""
