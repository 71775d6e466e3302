"""Sensors that wait for sweeps."""
