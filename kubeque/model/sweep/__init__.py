"""A sweep and its options."""
