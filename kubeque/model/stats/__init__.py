"""Statistics of attempts: durations, advice, and groups of failures."""
