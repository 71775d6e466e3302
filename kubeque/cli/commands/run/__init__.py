"""Commands that submit sweeps and let them run."""
