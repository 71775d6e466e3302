"""Databases that hold a queue."""
