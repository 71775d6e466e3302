"""Commands that submit sweeps."""
