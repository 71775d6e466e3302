"""Jobs, and their specs, tasks, shapes and retries."""
