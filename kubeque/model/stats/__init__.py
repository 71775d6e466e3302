"""Statistics of attempts: durations, advice, groups of failures."""
