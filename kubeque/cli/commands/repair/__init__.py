"""Commands that change how a job runs, or run one of its tasks again."""
