"""Triggers that wait for sweeps."""
