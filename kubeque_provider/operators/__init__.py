"""Operators that submit a sweep, act on it, fetch its results, and manage its cluster."""
