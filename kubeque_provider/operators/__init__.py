"""Operators that submit sweeps and fetch results."""
