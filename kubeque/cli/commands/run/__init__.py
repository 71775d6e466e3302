"""Commands that submit sweeps, release held rows, and pause and resume jobs."""
